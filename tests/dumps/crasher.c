// A program that dies in a known place, with Crashpad's real handler beside it (no code of Crashpad's is in here).
//
//   crasher HOW [handler arguments…]     HOW: segv abort fpe ill; without a handler it simply dies
//
// The handler is forked in the signal handler and told where siginfo and ucontext are; it attaches, writes, uploads.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char **handler;
static struct __attribute__((packed)) { uint64_t siginfo, ucontext; int32_t thread; } told;

static void dying(int number, siginfo_t *info, void *context) {
  told.siginfo = (uint64_t)(uintptr_t)info;
  told.ucontext = (uint64_t)(uintptr_t)context;
  told.thread = gettid();
  static char argument[64];
  snprintf(argument, sizeof argument, "--trace-parent-with-exception=0x%lx", (unsigned long)(uintptr_t)&told);
  int last = 0;
  while (handler[last]) last++;
  static char *arguments[64];
  memcpy(arguments, handler, last * sizeof *handler);
  arguments[last] = argument;
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
  pid_t child = fork();
  if (child == 0) {
    execv(arguments[0], arguments);
    _exit(127);
  }
  int status;
  waitpid(child, &status, 0);
  signal(number, SIG_DFL);
  raise(number);
}

__attribute__((noinline)) static void pbx_route_call(const char *how, volatile int *where) {
  if (!strcmp(how, "segv")) *where = 7;
  if (!strcmp(how, "fpe")) { volatile int zero = 0; *where = 7 / zero; }
  if (!strcmp(how, "ill")) __builtin_trap();
  if (!strcmp(how, "abort")) abort();
}

__attribute__((noinline)) static void pbx_dial(const char *how, volatile int *where) {
  pbx_route_call(how, where);
  asm volatile("");
}

int main(int count, char **arguments) {
  static int somewhere;
  if (count < 2) return 2;
  if (count > 2) {
    static char *rest[60];
    for (int i = 2; i < count && i < 60; i++) rest[i - 2] = arguments[i];
    handler = rest;
    struct sigaction action = {.sa_sigaction = dying, .sa_flags = SA_SIGINFO};
    int numbers[] = {SIGSEGV, SIGABRT, SIGFPE, SIGILL};
    for (int i = 0; i < 4; i++) sigaction(numbers[i], &action, 0);
  }
  pbx_dial(arguments[1], strcmp(arguments[1], "segv") ? &somewhere : (int *)69);
  return 0;
}
