/* long double: 80 bits in arithmetic, comparison, conversion and printing, in every rounding direction. */
#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include "random.h"

int main(void) {
  static const int directions[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  for (int d = 0; d < 4; d++) {
    fesetround(directions[d]);
    volatile long double sum = 0;
    for (int i = 1; i <= 60; i++) sum += 1.0L / i;
    volatile long double e = 1, term = 1;
    for (int i = 1; i < 30; i++) e += (term /= i);
    printf("%La %La\n", sum, e);
    for (int i = 0; i < 40; i++) {
      volatile long double a = random_unit() * 1e10L - 5e9L, b = random_unit() + 1e-9L;
      volatile double narrow = (double)(a / b);
      printf("%La %La %La %La %a %La\n", a + b, a * b, a / b, sqrtl(b), narrow, rintl(a / 3));
      printf("%lld %La %La %d\n", llrintl(a), fmodl(a, b), remainderl(a, b), a < b);
    }
  }
  fesetround(FE_TONEAREST);
  volatile long double tiny = 0x1p-16382L;
  for (int i = 0; i < 70; i += 7) printf("%La %La\n", tiny / (1 << (i % 30)), ldexpl(tiny, -i));
  printf("%.20Lg %.20Le %Lf\n", 1.0L / 3, 0x1.fffffffffffffffep+16383L, 123456789.123456789L);
  printf("%.17Lg %.17Lg %.17Lg\n", sinl(1), expl(1), logl(10));
  return 0;
}
