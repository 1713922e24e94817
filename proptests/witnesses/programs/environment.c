/* The floating-point environment: sticky flags of single operations, rounding directions, saved and restored state. */
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include "random.h"

static void show(const char *name, double value) {
  int raised = fetestexcept(FE_ALL_EXCEPT);
  printf("%s %a%s%s%s%s%s\n", name, value, raised & FE_INVALID ? " invalid" : "", raised & FE_DIVBYZERO ? " zero" : "",
         raised & FE_OVERFLOW ? " overflow" : "", raised & FE_UNDERFLOW ? " underflow" : "",
         raised & FE_INEXACT ? " inexact" : "");
  feclearexcept(FE_ALL_EXCEPT);
}

int main(void) {
  static const int directions[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  volatile double zero = 0, one = 1, three = 3, tiny = 0x1p-1022, huge = 0x1.fffffffffffffp1023, r;
  volatile float narrow;
  feclearexcept(FE_ALL_EXCEPT);
  for (int d = 0; d < 4; d++) {
    fesetround(directions[d]);
    r = one / three; show("third", r);
    r = one / zero; show("pole", r);
    r = zero / zero; show("nan", isnan(r));
    r = huge + huge; show("huge", r);
    r = tiny / three; show("tiny", r);
    r = tiny * tiny; show("nothing", r);
    r = sqrt(-one); show("root", isnan(r));
    narrow = (float)(one / three); show("single", narrow);
    narrow = (float)huge; show("too big", narrow);
    r = (double)lrint(2.5 * one); show("lrint", r);
    r = rint(-2.5 * one); show("rint", r);
    r = nearbyint(3.5 * one); show("nearbyint", r);
    for (int i = 0; i < 12; i++) {
      volatile double x = random_unit() * 100 - 50, y = random_unit();
      r = x + y; show("sum", r);
      r = x * y; show("product", r);
      narrow = (float)x * (float)y; show("narrow", narrow);
      printf("%d %ld %lld\n", (int)x, lrint(x), llrint(x * 1e12));
    }
  }
  fenv_t saved;
  feholdexcept(&saved);
  r = one / zero;
  fesetround(FE_UPWARD);
  feupdateenv(&saved);
  printf("direction %d\n", fegetround());
  show("updated", r);
  jmp_buf here;
  volatile int turns = 0;
  if (setjmp(here) < 3) longjmp(here, ++turns);
  printf("%d turns\n", turns);
  return 0;
}
