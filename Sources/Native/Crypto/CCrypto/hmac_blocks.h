#ifndef FRESHET_CCRYPTO_HMAC_BLOCKS_H
#define FRESHET_CCRYPTO_HMAC_BLOCKS_H

// HMAC-SHA-256 of many short messages (FIPS 180-4, 6.2.2; RFC 2104). Each is one padded block, so a hash is two compressions,
// and the next one waits for no result of the one before: two at a time fill the processor's SHA unit, which one alone leaves
// idle half of the time. OpenSSL has no function for that, and what it does around each message costs as much as the hash.

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

/// The bytes of a digest, and behind them the padding that they have as the only message behind the key's own block.
static inline void ccrypto_digest_block(const uint32_t *state, uint8_t *block) {
  memset(block + 32, 0, 32);
  block[32] = 0x80;
  block[62] = 768 >> 8;  // bits
  for (int i = 0; i < 8; i++) {
    uint32_t word = __builtin_bswap32(state[i]);
    memcpy(block + 4 * i, &word, 4);
  }
}

static inline void ccrypto_hex(const uint8_t *digest, uint8_t *digits) {
  static const char hex[] = "0123456789abcdef";
  for (int i = 0; i < 32; i++) {
    digits[2 * i] = (uint8_t)hex[digest[i] >> 4];
    digits[2 * i + 1] = (uint8_t)hex[digest[i] & 15];
  }
}

/// For any processor: one block after the other.
static inline void ccrypto_hmac_blocks_plain(
    const SHA256_CTX *inner, const SHA256_CTX *outer, const uint8_t *blocks, size_t count, uint8_t *digits) {
  for (size_t i = 0; i < count; i++) {
    uint8_t second[64];
    SHA256_CTX context = *inner;
    SHA256_Transform(&context, blocks + 64 * i);
    ccrypto_digest_block(context.h, second);
    context = *outer;
    SHA256_Transform(&context, second);
    ccrypto_digest_block(context.h, second);
    ccrypto_hex(second, digits + 64 * i);
  }
}

#if defined(__x86_64__)

#define CCRYPTO_LANES 2
#define CCRYPTO_SHA static inline __attribute__((target("sha,sse4.1,ssse3"), always_inline))
#define CCRYPTO_UNROLL _Pragma("clang loop unroll(full)")

/// FIPS 180-4, 4.2.2.
static const uint32_t ccrypto_round_constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/// The eight words of a state as the SHA instructions take them.
typedef struct {
  __m128i abef, cdgh;
} ccrypto_state;

CCRYPTO_SHA ccrypto_state ccrypto_packed(const uint32_t *words) {
  __m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)words), 0xb1);
  __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(words + 4)), 0x1b);
  return (ccrypto_state){_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xf0)};
}

/// The words a, b, c, d and e, f, g, h.
CCRYPTO_SHA void ccrypto_unpack(ccrypto_state state, __m128i words[2]) {
  __m128i feba = _mm_shuffle_epi32(state.abef, 0x1b);
  __m128i dchg = _mm_shuffle_epi32(state.cdgh, 0xb1);
  words[0] = _mm_blend_epi16(feba, dchg, 0xf0);
  words[1] = _mm_alignr_epi8(dchg, feba, 8);
}

/// One compression in each lane, from the same state; the words of the block are used up.
CCRYPTO_SHA void ccrypto_compress(ccrypto_state start, __m128i words[CCRYPTO_LANES][4], ccrypto_state *result) {
  CCRYPTO_UNROLL for (int lane = 0; lane < CCRYPTO_LANES; lane++) result[lane] = start;
  CCRYPTO_UNROLL for (int i = 0; i < 16; i++) {
    __m128i constants = _mm_load_si128((const __m128i *)ccrypto_round_constants + i);
    CCRYPTO_UNROLL for (int lane = 0; lane < CCRYPTO_LANES; lane++) {
      __m128i *word = words[lane];
      __m128i sum = _mm_add_epi32(word[i & 3], constants);
      result[lane].cdgh = _mm_sha256rnds2_epu32(result[lane].cdgh, result[lane].abef, sum);
      result[lane].abef = _mm_sha256rnds2_epu32(result[lane].abef, result[lane].cdgh, _mm_shuffle_epi32(sum, 0x0e));
      if (i < 3 || i == 15) continue;
      __m128i next = _mm_sha256msg1_epu32(word[(i + 1) & 3], word[(i + 2) & 3]);
      next = _mm_add_epi32(next, _mm_alignr_epi8(word[i & 3], word[(i + 3) & 3], 4));
      word[(i + 1) & 3] = _mm_sha256msg2_epu32(next, word[i & 3]);
    }
  }
  CCRYPTO_UNROLL for (int lane = 0; lane < CCRYPTO_LANES; lane++) {
    result[lane].abef = _mm_add_epi32(result[lane].abef, start.abef);
    result[lane].cdgh = _mm_add_epi32(result[lane].cdgh, start.cdgh);
  }
}

/// The 32 digits of 16 bytes.
CCRYPTO_SHA void ccrypto_hex_of(__m128i bytes, uint8_t *digits) {
  const __m128i hex = _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f');
  const __m128i low = _mm_set1_epi8(15);
  __m128i first = _mm_and_si128(_mm_srli_epi16(bytes, 4), low);
  __m128i second = _mm_and_si128(bytes, low);
  _mm_storeu_si128((__m128i *)digits, _mm_shuffle_epi8(hex, _mm_unpacklo_epi8(first, second)));
  _mm_storeu_si128((__m128i *)(digits + 16), _mm_shuffle_epi8(hex, _mm_unpackhi_epi8(first, second)));
}

/// As many blocks as there are lanes.
__attribute__((target("sha,sse4.1,ssse3"))) static inline void ccrypto_hmac_lanes(
    const SHA256_CTX *inner, const SHA256_CTX *outer, const uint8_t *blocks, uint8_t *digits) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i words[CCRYPTO_LANES][4];
  ccrypto_state states[CCRYPTO_LANES];
  CCRYPTO_UNROLL for (int lane = 0; lane < CCRYPTO_LANES; lane++) {
    CCRYPTO_UNROLL for (int i = 0; i < 4; i++) {
      __m128i bytes = _mm_loadu_si128((const __m128i *)(blocks + 64 * lane) + i);
      words[lane][i] = _mm_shuffle_epi8(bytes, big_endian);
    }
  }
  ccrypto_compress(ccrypto_packed(inner->h), words, states);
  CCRYPTO_UNROLL for (int lane = 0; lane < CCRYPTO_LANES; lane++) {
    ccrypto_unpack(states[lane], words[lane]);
    words[lane][2] = _mm_setr_epi32((int)0x80000000, 0, 0, 0);
    words[lane][3] = _mm_setr_epi32(0, 0, 0, 768);
  }
  ccrypto_compress(ccrypto_packed(outer->h), words, states);
  CCRYPTO_UNROLL for (int lane = 0; lane < CCRYPTO_LANES; lane++) {
    __m128i digest[2];
    ccrypto_unpack(states[lane], digest);
    ccrypto_hex_of(_mm_shuffle_epi8(digest[0], big_endian), digits + 64 * lane);
    ccrypto_hex_of(_mm_shuffle_epi8(digest[1], big_endian), digits + 64 * lane + 32);
  }
}

static inline int ccrypto_has_lanes(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

static inline void ccrypto_hmac_blocks_lanes(
    const SHA256_CTX *inner, const SHA256_CTX *outer, const uint8_t *blocks, size_t count, uint8_t *digits) {
  for (; count >= CCRYPTO_LANES; count -= CCRYPTO_LANES) {
    ccrypto_hmac_lanes(inner, outer, blocks, digits);
    blocks += 64 * CCRYPTO_LANES;
    digits += 64 * CCRYPTO_LANES;
  }
  if (count == 0) return;
  // The lanes that are left over hash nothing, and what they give is thrown away.
  uint8_t last[64 * CCRYPTO_LANES] = {0};
  uint8_t hashes[64 * CCRYPTO_LANES];
  memcpy(last, blocks, 64 * count);
  ccrypto_hmac_lanes(inner, outer, last, hashes);
  memcpy(digits, hashes, 64 * count);
}

#else

static inline int ccrypto_has_lanes(void) { return 0; }

static inline void ccrypto_hmac_blocks_lanes(
    const SHA256_CTX *inner, const SHA256_CTX *outer, const uint8_t *blocks, size_t count, uint8_t *digits) {
  ccrypto_hmac_blocks_plain(inner, outer, blocks, count, digits);
}

#endif

#endif
