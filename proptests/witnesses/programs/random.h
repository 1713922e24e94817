/* A small generator (xorshift, 32 bits), so that programs have many operands without a table. */
#include <stdint.h>
#include <string.h>

static uint32_t random_state = 0x2545f491;

static inline uint32_t random_word(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

static inline uint64_t random_quad(void) {
  uint64_t high = random_word();
  return high << 32 | random_word();
}

/* Any bits but those of NaN and infinity. */
static inline double random_double(void) {
  for (;;) {
    uint64_t bits = random_quad();
    double value;
    memcpy(&value, &bits, 8);
    if (value - value == 0) return value;
  }
}

/* 0 up to 1 */
static inline double random_unit(void) { return random_word() / 4294967296.0; }
