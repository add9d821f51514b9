// A program as it is shipped: optimised, without frame pointers. It dies in one of several places, by the same way out.
//
//   dier HOW      HOW: segv handled handled2 apart caught timer assert abort abort2 free null overflow length mapped threads threads2
#define _GNU_SOURCE
#include <assert.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define APART __attribute__((noipa))

APART static int checked(int calls) { assert(calls < 5); return calls; }
APART static int routed(char *to, int calls) { char line[64]; snprintf(line, sizeof line, "%d", calls); if (calls > 3) abort(); return line[0] + to[0]; }
APART static int dialled(char *to, int calls) { if (calls > 3) abort(); return to[0]; }
APART static void let_go(void *what) { free(what); asm volatile(""); }
APART static int released(int size) { char *one = malloc(2000 + size), *two = malloc(2000); let_go(one); let_go(one); return two[0]; }
APART static int called(void) { int (*volatile nobody)(int) = 0; return nobody(3) + 1; }
APART static int written(volatile int *where) { *where = 7; return 1; }
APART static int measured(const char *text) { return strlen(text) + 1; }
APART static int answered(volatile int *more, int depth);
APART static int forwarded(volatile int *more, int depth) { volatile char line[300]; line[0] = depth; return *more ? answered(more, depth + 1) + line[0] : 0; }
APART static int answered(volatile int *more, int depth) { volatile char line[500]; line[0] = depth; return *more ? forwarded(more, depth + 1) + line[0] : 0; }
APART static void *idle(void *nothing) { for (;;) pause(); return nothing; }

APART static void reported(int number) {  // a crash handler as many daemons have one: it says something, then ends it
  char line[200];
  snprintf(line, sizeof line, "got signal %d", number);
  signal(number, SIG_DFL);
  line[0] ? abort() : raise(number);
}

int main(int count, char **arguments) {
  const char *how = count > 1 ? arguments[1] : "";
  static char to[8];
  volatile int many = 9, more = 1;
  if (!strncmp(how, "threads", 7)) {
    pthread_t thread;
    for (int i = 0; i < 6; i++) pthread_create(&thread, 0, idle, 0);
    usleep(20000);
    return (how[7] ? dialled(to, many) : routed(to, many)) + 1;
  }
  if (!strcmp(how, "handled")) { signal(SIGSEGV, reported); return written((int *)69) + 1; }
  if (!strcmp(how, "handled2")) { signal(SIGSEGV, reported); return measured((char *)8) + 1; }
  if (!strcmp(how, "apart")) {  // the handler has a stack of its own
    stack_t other = {.ss_sp = malloc(65536), .ss_size = 65536};
    sigaltstack(&other, 0);
    struct sigaction action = {.sa_handler = reported, .sa_flags = SA_ONSTACK};
    sigaction(SIGSEGV, &action, 0);
    return written((int *)69) + 1;
  }
  if (!strcmp(how, "caught")) {
    struct sigaction action = {.sa_handler = reported, .sa_flags = SA_SIGINFO};
    sigaction(SIGABRT, &action, 0);
    return dialled(to, many) + 1;
  }
  if (!strcmp(how, "timer")) { signal(SIGALRM, (void (*)(int))checked); return raise(SIGALRM); }
  if (!strcmp(how, "segv")) return written((int *)69) + 1;
  if (!strcmp(how, "assert")) return checked(many) + 1;
  if (!strcmp(how, "abort")) return routed(to, many) + 1;
  if (!strcmp(how, "abort2")) return dialled(to, many) + 1;
  if (!strcmp(how, "free")) return released(many) + 1;
  if (!strcmp(how, "null")) return called() + 1;
  if (!strcmp(how, "length")) return measured((char *)8) + 1;
  if (!strcmp(how, "mapped")) {  // reads its library's file, as whatever prints a backtrace does
    Dl_info library;
    if (dladdr((void *)strlen, &library)) mmap(0, 1 << 20, PROT_READ, MAP_PRIVATE, open(library.dli_fname, O_RDONLY), 0);
    return measured((char *)8) + 1;
  }
  if (!strcmp(how, "overflow")) return answered(&more, many) + 1;
  return 0;
}
