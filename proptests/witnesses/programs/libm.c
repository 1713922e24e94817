/* The functions of libm in double, shown exactly: most run the x87 or SSE2 through long dependent computations. */
#include <math.h>
#include <stdio.h>
#include "random.h"

#define SHOW(call) printf(" %a", (double)(call))

int main(void) {
  for (int i = 0; i < 60; i++) {
    volatile double x = (random_unit() - 0.5) * (i < 30 ? 4 : 2000);
    volatile double y = random_unit() * 10 + 0.01;
    printf("%a %a:", x, y);
    SHOW(sin(x)); SHOW(cos(x)); SHOW(tan(x)); SHOW(exp(x / 10)); SHOW(log(y)); SHOW(pow(y, x / 50));
    SHOW(sqrt(y)); SHOW(cbrt(x)); SHOW(hypot(x, y)); SHOW(atan2(x, y)); SHOW(atan(x));
    putchar('\n');
    SHOW(asin(x / 2000)); SHOW(acos(x / 2000)); SHOW(sinh(x / 300)); SHOW(tanh(x / 10)); SHOW(log10(y)); SHOW(log2(y));
    SHOW(log1p(y)); SHOW(expm1(x / 500)); SHOW(exp2(x / 20)); SHOW(fmod(x, y)); SHOW(remainder(x, y)); SHOW(erf(x));
    putchar('\n');
    SHOW(floor(x)); SHOW(ceil(x)); SHOW(rint(x)); SHOW(round(x)); SHOW(trunc(x)); SHOW(lgamma(y)); SHOW(tgamma(y));
    int exponent;
    double whole;
    SHOW(frexp(x, &exponent)); SHOW(modf(x, &whole)); SHOW(whole); SHOW(logb(x)); SHOW(nextafter(x, y));
    printf(" %d %ld %d\n", exponent, lrint(x), ilogb(x));
    SHOW(sinf((float)x)); SHOW(cosf((float)x)); SHOW(expf((float)x / 100)); SHOW(logf((float)y));
    SHOW(powf((float)y, 1.5f));
    putchar('\n');
  }
  return 0;
}
