/* Division of 64-bit integers by the compiler's library, of 32-bit ones by the processor, signed and unsigned. */
#include <inttypes.h>
#include <stdio.h>
#include "random.h"

int main(void) {
  for (int i = 0; i < 250; i++) {
    volatile uint64_t a = random_quad() >> random_word() % 64, b = (random_quad() >> random_word() % 64) | 1;
    volatile int64_t s = (int64_t)random_quad() >> random_word() % 63;
    volatile int64_t t = ((int64_t)random_quad() >> random_word() % 63) | 1;
    printf("%" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " %" PRIx64 "\n", a / b, a % b, s / t, s % t, a * b);
    volatile uint32_t x = random_word() >> random_word() % 32, y = (random_word() >> random_word() % 32) | 1;
    volatile int32_t p = (int32_t)random_word() >> random_word() % 31;
    volatile int32_t q = ((int32_t)random_word() >> random_word() % 31) | 1;
    if (q != -1) printf("%u %u %d %d %d\n", x / y, x % y, p / q, p % q, (int16_t)p / 7);
    unsigned n = random_word() % 64;
    printf("%" PRIx64 " %" PRIx64 " %" PRIx64 " %d %d\n", a << n, a >> n, (uint64_t)(s >> n), a < b, s < t);
    printf("%a %a %" PRIu64 "\n", (double)a, (double)s, (uint64_t)((double)(a >> 1) / 3));
  }
  return 0;
}
