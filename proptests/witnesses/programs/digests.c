/* Integer work: CRC-32, SHA-256, bit tricks, carries of wide numbers (the digits of e and of a factorial). */
#include <stdio.h>
#include <string.h>
#include "random.h"

static uint32_t rotate(uint32_t v, int n) { return v >> n | v << (32 - n); }

static void compress(uint32_t h[8], const uint32_t k[64], const unsigned char *p) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++) w[i] = (uint32_t)p[4 * i] << 24 | p[4 * i + 1] << 16 | p[4 * i + 2] << 8 | p[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
  }
  memcpy(s, h, 32);
  for (int i = 0; i < 64; i++) {
    uint32_t e = s[4], a = s[0];
    uint32_t one = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
    uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 28);
    s[4] += one;
    s[0] = one + two;
  }
  for (int i = 0; i < 8; i++) h[i] += s[i];
}

/* The fractional part of the cube root of a prime, as the standard makes its constants, by integers alone. */
static uint32_t cube_root_fraction(uint32_t prime) {
  uint64_t low = 0, high = (uint64_t)8 << 32;
  while (high - low > 1) {
    uint64_t middle = (low + high) / 2;
    /* middle^3 / 2^96 compared with the prime, in two steps of 64 bits that lose nothing that matters */
    uint64_t whole = middle >> 32, part = middle & 0xffffffffu;
    long double exact = (long double)whole + (long double)part / 4294967296.0L;
    if (exact * exact * exact <= (long double)prime) low = middle;
    else high = middle;
  }
  return (uint32_t)low;
}

int main(void) {
  static unsigned char data[4096];
  for (unsigned i = 0; i < sizeof data; i++) data[i] = (unsigned char)random_word();
  uint32_t crc = ~0u;
  for (unsigned i = 0; i < sizeof data; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  printf("crc %08x\n", ~crc);
  uint32_t k[64], h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (int n = 0, prime = 2; n < 64; prime++) {
    int divisor = 2;
    while (divisor * divisor <= prime && prime % divisor) divisor++;
    if (divisor * divisor > prime) k[n++] = cube_root_fraction((uint32_t)prime);
  }
  printf("first constant %08x, last %08x\n", k[0], k[63]);
  for (unsigned i = 0; i < sizeof data; i += 64) compress(h, k, data + i);
  for (int i = 0; i < 8; i++) printf("%08x", h[i]);
  putchar('\n');
  unsigned counts = 0;
  for (int i = 0; i < 1000; i++) {
    uint32_t v = random_word() | 1;
    counts = counts * 5 + (unsigned)__builtin_popcount(v) + (unsigned)__builtin_clz(v) * 3 +
             (unsigned)__builtin_ctz(v << 3) +
             __builtin_bswap32(v) % 17;
  }
  printf("%u\n", counts);
  static uint32_t wide[100] = {1};
  for (uint32_t n = 2; n <= 300; n++) {
    uint64_t carry = 0;
    for (int i = 0; i < 100; i++) {
      carry += (uint64_t)wide[i] * n;
      wide[i] = (uint32_t)carry;
      carry >>= 32;
    }
  }
  for (int i = 99; i >= 0; i--)
    if (wide[i]) printf("%08x", wide[i]);
  putchar('\n');
  return 0;
}
