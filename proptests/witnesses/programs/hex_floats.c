/* %a of singles, doubles and long doubles; strtod and strtold back from text; conversions between the formats. */
#include <stdio.h>
#include <stdlib.h>
#include "random.h"

int main(void) {
  volatile double third = 1.0 / 3;
  volatile long double tenth = 1.0L / 10;
  printf("%a %La %a %.3a %.0a\n", third, tenth, 4.9406564584124654e-324, third, 1.96875);
  char text[64];
  int same = 0;
  for (int i = 0; i < 400; i++) {
    double v = random_double();
    snprintf(text, sizeof text, i & 1 ? "%.17g" : "%a", v);
    same += strtod(text, NULL) == v;
    if (i < 120) printf("%a %a\n", v, (double)(float)v);
  }
  printf("%d of 400 read back\n", same);
  for (int i = 0; i < 80; i++) {
    snprintf(text, sizeof text, "%u.%08ue%d", random_word() % 1000, random_word(), (int)(random_word() % 600) - 300);
    printf("%s %a %La %a\n", text, strtod(text, NULL), strtold(text, NULL), strtof(text, NULL));
  }
  for (int i = 0; i < 60; i++) {
    double v = (random_unit() - 0.5) * 5e9;
    printf("%d %u %lld %lld\n", (int)(v / 4), (unsigned)(v < 0 ? -v : v), (long long)(v * 1e9), (long long)v);
  }
  return 0;
}
