/* qsort and bsearch of integers, doubles, strings and records; a heap and a linked list by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "random.h"

struct record {
  unsigned key;
  char name[12];
  double weight;
};

static int by_integer(const void *a, const void *b) {
  int x = *(const int *)a, y = *(const int *)b;
  return (x > y) - (x < y);
}
static int by_double(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}
static int by_record(const void *a, const void *b) {
  const struct record *x = a, *y = b;
  int order = strcmp(x->name, y->name);
  return order ? order : by_double(&x->weight, &y->weight);
}

int main(void) {
  enum { count = 4000 };
  static int integers[count];
  static double doubles[count];
  static struct record records[count];
  for (int i = 0; i < count; i++) {
    integers[i] = (int)random_word();
    doubles[i] = random_double();
    records[i].key = random_word();
    snprintf(records[i].name, sizeof records[i].name, "n%u", random_word() % 500);
    records[i].weight = random_unit();
  }
  qsort(integers, count, sizeof *integers, by_integer);
  qsort(doubles, count, sizeof *doubles, by_double);
  qsort(records, count, sizeof *records, by_record);
  unsigned hash = 0;
  for (int i = 0; i < count; i++) hash = hash * 33 + (unsigned)integers[i] + records[i].key;
  printf("%08x\n", hash);
  for (int i = 0; i < count; i += 97)
    printf("%d %a %s %.17g\n", integers[i], doubles[i], records[i].name, records[i].weight);
  int found = 0;
  for (int i = 0; i < 1000; i++) {
    int key = i & 1 ? integers[random_word() % count] : (int)random_word();
    found += bsearch(&key, integers, count, sizeof key, by_integer) != NULL;
  }
  printf("%d found\n", found);
  return 0;
}
