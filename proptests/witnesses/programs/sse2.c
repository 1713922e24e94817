/* SSE and SSE2 by intrinsics: packed integers of every width, shuffles, saturation, conversions, comparisons. */
#pragma GCC target("sse2")
#include <emmintrin.h>
#include <stdio.h>
#include "random.h"

static void show(const char *name, __m128i v) {
  uint32_t w[4];
  memcpy(w, &v, 16);
  printf("%s %08x %08x %08x %08x\n", name, w[3], w[2], w[1], w[0]);
}

static __m128i random_vector(void) { return _mm_set_epi32(random_word(), random_word(), random_word(), random_word()); }

#define TWO(op) show(#op, _mm_##op(a, b));
#define DOUBLES(op) show(#op, _mm_castpd_si128(_mm_##op(x, y)));
#define SINGLES(op) show(#op, _mm_castps_si128(_mm_##op(s, t)));

int main(void) {
  for (int i = 0; i < 12; i++) {
    volatile __m128i va = random_vector(), vb = random_vector();
    __m128i a = va, b = vb;
    TWO(add_epi8) TWO(adds_epi16) TWO(adds_epu8) TWO(sub_epi32) TWO(subs_epu16) TWO(add_epi64) TWO(mullo_epi16)
    TWO(mulhi_epi16) TWO(mulhi_epu16) TWO(mul_epu32) TWO(madd_epi16) TWO(sad_epu8) TWO(avg_epu8) TWO(min_epi16)
    TWO(max_epu8) TWO(packs_epi32) TWO(packus_epi16) TWO(unpacklo_epi8) TWO(unpackhi_epi32) TWO(unpacklo_epi64)
    TWO(cmpeq_epi8) TWO(cmpgt_epi16) TWO(cmplt_epi32) TWO(and_si128) TWO(andnot_si128) TWO(xor_si128)
    show("slli", _mm_slli_epi32(a, 7)); show("srai", _mm_srai_epi16(a, 3));
    show("srl", _mm_srl_epi64(a, _mm_cvtsi32_si128(i * 7)));
    show("bytes", _mm_slli_si128(a, 5)); show("shuffle", _mm_shuffle_epi32(a, 0x1b));
    show("low", _mm_shufflelo_epi16(a, 0x2d)); show("insert", _mm_insert_epi16(a, 0x1234, 3));
    printf("mask %04x word %x\n", _mm_movemask_epi8(a), _mm_extract_epi16(b, 6));
    __m128d x = _mm_set_pd(random_unit() * 1e9 - 5e8, random_unit());
    __m128d y = _mm_set_pd(random_unit(), random_unit() * 100 - 50);
    DOUBLES(add_pd) DOUBLES(sub_pd) DOUBLES(mul_pd) DOUBLES(div_pd) DOUBLES(min_pd) DOUBLES(max_sd) DOUBLES(cmplt_pd)
    DOUBLES(cmpunord_pd) DOUBLES(unpackhi_pd)
    show("sqrt", _mm_castpd_si128(_mm_sqrt_pd(_mm_mul_pd(x, x))));
    show("to ints", _mm_cvtpd_epi32(x)); show("cut", _mm_cvttpd_epi32(x));
    show("to singles", _mm_castps_si128(_mm_cvtpd_ps(x)));
    show("from ints", _mm_castpd_si128(_mm_cvtepi32_pd(a)));
    __m128 s = _mm_cvtepi32_ps(a), t = _mm_set_ps(1e10f, -3.25f, 0.1f, (float)i);
    SINGLES(add_ps) SINGLES(mul_ps) SINGLES(div_ps) SINGLES(min_ss) SINGLES(cmple_ps) SINGLES(movehl_ps)
    SINGLES(unpacklo_ps)
    show("root", _mm_castps_si128(_mm_sqrt_ps(t)));
    show("ints", _mm_cvtps_epi32(t));
    printf("compare %d %d %d\n", _mm_comilt_sd(x, y), _mm_ucomieq_ss(s, t), _mm_movemask_pd(x));
  }
  return 0;
}
