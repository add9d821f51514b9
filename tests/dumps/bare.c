// A program of 32 bit without a library: it needs nothing but a compiler. It dies in `routed`, called by `dialled`.
__attribute__((noipa)) static int routed(volatile int *where) { *where = 7; return 1; }
__attribute__((noipa)) static int dialled(volatile int *where) { return routed(where) + 1; }
void _start(void) {
  dialled((volatile int *)69);
  for (;;) {}
}
