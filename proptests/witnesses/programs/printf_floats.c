/* printf of floating point: every conversion, width and precision, corners and random bits. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include "random.h"

int main(void) {
  static const double corners[] = {0.0, -0.0, 1, -1, 0.1, 0.5, 1.5, 2.5, 1e15, 1e16, 123456789.125, 9.9999995, 1e300,
                                   DBL_MAX, DBL_MIN, 4.9406564584124654e-324, INFINITY, -INFINITY, 0.3333333333333333};
  for (unsigned i = 0; i < sizeof corners / sizeof *corners; i++) {
    double v = corners[i];
    printf("%f|%e|%g|%G|%.0f|%.0e|%.17g|%+.3f|% 12.4e|%-14.6g|%#.0f|%014.2f\n", v, v, v, v, v, v, v, v, v, v, v, v);
  }
  for (int i = 0; i < 150; i++) {
    double v = random_double();
    printf("%.17g %.3e %g\n", v, v, (float)(random_unit() * 1e6));
  }
  for (int i = 0; i < 60; i++) {
    double v = ldexp(random_unit() - 0.5, (int)(random_word() % 40) - 5);
    printf("%.6f %.1f %.12f %Lf\n", v, v, v, (long double)v * 3);
  }
  return 0;
}
