/* The string functions of the library at every alignment and many lengths; scanning and formatting. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "random.h"

static unsigned sum(const unsigned char *p, size_t n) {
  unsigned h = 2166136261u;
  while (n--) h = (h ^ *p++) * 16777619u;
  return h;
}

int main(void) {
  static unsigned char a[600], b[600];
  unsigned total = 0;
  for (unsigned length = 0; length < 300; length += 1 + length / 16)
    for (unsigned from = 0; from < 17; from += 3)
      for (unsigned to = 0; to < 17; to += 5) {
        for (unsigned i = 0; i < sizeof a; i++) a[i] = (unsigned char)(random_word() | 1);
        memcpy(b, a, sizeof b);
        memmove(a + to, a + from, length);
        memset(b + from, to, length / 2);
        memcpy(b + to + 320, a + from, length < 260 ? length : 260);
        a[from + length] = 0;
        total = total * 31 + sum(a, sizeof a) + sum(b, sizeof b) + (unsigned)strlen((char *)a + from);
        char *hit = strchr((char *)a + from, a[from + length / 2]);
        total = total * 31 + (unsigned)(hit - (char *)a) + (memcmp(a, b, length) > 0) +
                (unsigned)strcspn((char *)a + from, "xyz");
        void *byte = memchr(b, 7, 500);
        total += byte ? (unsigned)((unsigned char *)byte - b) : 9999;
      }
  printf("%08x\n", total);
  char line[] = "the quick brown fox, jumps over; the lazy dog";
  for (char *word = strtok(line, " ,;"); word; word = strtok(NULL, " ,;"))
    printf("%s %d %d\n", word, strcmp(word, "lazy") > 0, strncmp(word, "the", 3) == 0);
  printf("%s %d\n", strstr("a needle in a haystack", "in a"), strcasecmp("HeLLo", "hEllo"));
  int n = 0, m = 0;
  unsigned x = 0;
  char name[20];
  float f = 0;
  printf("%d", sscanf("  -42 0xdeadbeef word 3.25e2 tail", "%d %x %19s %f%n", &n, &x, name, &f, &m));
  printf(" %d %x %s %g %d\n", n, x, name, f, m);
  for (int base = 2; base <= 36; base += 5)
    printf("%ld %lld ", strtol("-1011", NULL, base), strtoll("7fffffff", NULL, 16 + base % 3));
  printf("\n%5s|%-8.3s|%c|%%|%8.3d|%+i|%#o|%#x|%hhd|%lld|%llx\n",
         "ab", "abcdef", 'z', 42, 7, 64, 255, 300, -(1LL << 62), ~0ULL);
  for (int c = 0; c < 256; c += 5) putchar(isprint(c) ? toupper(c) : isspace(c) ? '_' : '.');
  putchar('\n');
  return 0;
}
