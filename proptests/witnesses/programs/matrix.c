/* Linear algebra in single and double: products, elimination, a fast Fourier transform, an integration. */
#include <math.h>
#include <stdio.h>
#include "random.h"

enum { size = 24, points = 256 };

int main(void) {
  static double a[size][size], b[size][size], c[size][size];
  static float f[size][size];
  for (int i = 0; i < size; i++)
    for (int j = 0; j < size; j++) {
      a[i][j] = random_unit() - 0.5 + (i == j) * 4;
      b[i][j] = random_unit();
    }
  for (int i = 0; i < size; i++)
    for (int j = 0; j < size; j++)
      for (int k = 0; k < size; k++) {
        c[i][j] += a[i][k] * b[k][j];
        f[i][j] += (float)a[i][k] * (float)b[k][j];
      }
  for (int i = 0; i < size; i++) printf("%a %a\n", c[i][size - 1 - i], f[i][i]);
  double determinant = 1;
  for (int k = 0; k < size; k++) {
    determinant *= a[k][k];
    for (int i = k + 1; i < size; i++) {
      double factor = a[i][k] / a[k][k];
      for (int j = k; j < size; j++) a[i][j] -= factor * a[k][j];
    }
  }
  printf("%.17g\n", determinant);
  static double re[points], im[points];
  for (int i = 0; i < points; i++) re[i] = random_unit();
  for (int i = 1, j = 0; i < points; i++) {
    int bit = points >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      double swap = re[i];
      re[i] = re[j];
      re[j] = swap;
    }
  }
  for (int length = 2; length <= points; length <<= 1)
    for (int i = 0; i < points; i += length)
      for (int k = 0; k < length / 2; k++) {
        double angle = -2 * M_PI * k / length, x = cos(angle), y = sin(angle);
        int p = i + k, q = p + length / 2;
        double u = re[q] * x - im[q] * y, v = re[q] * y + im[q] * x;
        re[q] = re[p] - u;
        im[q] = im[p] - v;
        re[p] += u;
        im[p] += v;
      }
  for (int i = 0; i < points; i += 8) printf("%a %a\n", re[i], im[i]);
  double x = 1, speed = 0;
  for (int i = 0; i < 20000; i++) {
    speed -= x * 0.001;
    x += speed * 0.001;
    if (i % 1000 == 0) printf("%.17g %.9g\n", x, (float)speed);
  }
  return 0;
}
