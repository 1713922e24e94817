/* One program out of many: argv[1] says which. Each NAME.c is compiled with main renamed to NAME_main, so that the
   guest gets one static file instead of a dozen. Without arguments it lists the names. */
#include <stdio.h>
#include <string.h>

#define EACH(P) \
  P(printf_floats) P(hex_floats) P(libm) P(sse2) P(long_double) P(strings) P(sorting) P(division) P(matrix) \
  P(digests) P(signals) P(environment)

#define DECLARE(name) int name##_main(void);
EACH(DECLARE)

static const struct {
  const char *name;
  int (*run)(void);
} programs[] = {
#define ENTRY(name) {#name, name##_main},
    EACH(ENTRY)};

int main(int argc, char **argv) {
  for (unsigned i = 0; i < sizeof programs / sizeof *programs; i++) {
    if (argc < 2) puts(programs[i].name);
    else if (strcmp(argv[1], programs[i].name) == 0) return programs[i].run();
  }
  return argc < 2 ? 0 : 2;
}
