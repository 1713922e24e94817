/* Exceptions as a program sees them: which signal, which code, at which address, and what state the handler finds. */
#define _GNU_SOURCE
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

static sigjmp_buf back;
static char *page;

static void handler(int number, siginfo_t *info, void *context) {
  (void)context;
  long offset = (char *)info->si_addr - page;
  printf("signal %d code %d", number, info->si_code);
  if (offset >= 0 && offset < 8192) printf(" at page + %ld", offset);
  putchar('\n');
  siglongjmp(back, 1);
}

#define TRY(what, statement)                  \
  do {                                        \
    printf("%s: ", what);                     \
    if (sigsetjmp(back, 1) == 0) {            \
      statement;                              \
      puts("nothing");                        \
    }                                         \
    feclearexcept(FE_ALL_EXCEPT);             \
    fedisableexcept(FE_ALL_EXCEPT);           \
  } while (0)

int main(void) {
  static const int numbers[] = {SIGFPE, SIGSEGV, SIGILL, SIGBUS, SIGTRAP};
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  for (unsigned i = 0; i < 5; i++) sigaction(numbers[i], &action, NULL);
  page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(page + 4096, 4096, PROT_READ);
  volatile int zero = 0, one = 1, lowest = INT32_MIN;
  volatile double nothing = 0, something = 1, huge = 1e308;
  TRY("division by zero", one = one / zero);
  TRY("division overflow", one = lowest / (zero - 1));
  TRY("masked x87 division", something = something / nothing);
  something = 1;
  TRY("unmasked division", (feenableexcept(FE_DIVBYZERO), something = something / nothing, nothing = something * 2));
  something = 1; nothing = 0;
  TRY("unmasked invalid", (feenableexcept(FE_INVALID), something = nothing / nothing, nothing = something * 2));
  nothing = 0;
  TRY("unmasked overflow", (feenableexcept(FE_OVERFLOW), something = huge * huge, nothing = something * 2));
  TRY("null", *(volatile int *)0 = 1);
  TRY("read-only", page[4096 + 100] = 1);
  TRY("across", *(volatile uint32_t *)(page + 4094) = 1);
  TRY("readable", one = page[4096 + 200]);
  TRY("undefined", __asm__ volatile("ud2"));
  TRY("privileged", __asm__ volatile("hlt"));
  TRY("breakpoint", __asm__ volatile("int3"));
  TRY("misaligned", __asm__ volatile("movaps (%0), %%xmm0" : : "r"(page + 8)));
  TRY("bound", __asm__ volatile("bound %0, (%1)" : : "r"(5), "r"(page)));
  TRY("overflow trap", __asm__ volatile("movb $127, %%al; addb $1, %%al; into" : : : "eax", "cc"));
  return 0;
}
