#ifndef FRESHET_CCRYPTO_H
#define FRESHET_CCRYPTO_H

// OpenSSL's SHA-256 with a context that is a plain value: it is copied by assignment and needs no memory of its own. The
// newer functions (EVP_MD_CTX_copy, EVP_MAC_dup) allocate for each message.
#include "hmac_blocks.h"

/// The contexts behind the key's two blocks (RFC 2104): every message begins with copies of them.
typedef struct {
  SHA256_CTX inner;
  SHA256_CTX outer;
} ccrypto_hmac_key;

/// `block` is the key, filled up to 64 bytes with zeros.
static inline void ccrypto_hmac_prepare(ccrypto_hmac_key *key, const uint8_t *block) {
  uint8_t pad[64];
  for (int i = 0; i < 64; i++) pad[i] = block[i] ^ 0x36;
  SHA256_Init(&key->inner);
  SHA256_Update(&key->inner, pad, 64);
  for (int i = 0; i < 64; i++) pad[i] = block[i] ^ 0x5c;
  SHA256_Init(&key->outer);
  SHA256_Update(&key->outer, pad, 64);
}

/// Writes the 64 lower-case hexadecimal digits of a message's HMAC-SHA-256.
static inline void ccrypto_hmac_hex(const ccrypto_hmac_key *key, const uint8_t *message, size_t length, uint8_t *digits) {
  uint8_t digest[32];
  SHA256_CTX context = key->inner;
  SHA256_Update(&context, message, length);
  SHA256_Final(digest, &context);
  context = key->outer;
  SHA256_Update(&context, digest, 32);
  SHA256_Final(digest, &context);
  ccrypto_hex(digest, digits);
}

/// The same for many messages of one block each: 64 bytes a block, padded as behind the key's own, and 64 digits a message.
/// `has_lanes`: what `ccrypto_has_lanes` says.
static inline void ccrypto_hmac_hex_blocks(
    const ccrypto_hmac_key *key, int has_lanes, const uint8_t *blocks, size_t count, uint8_t *digits) {
  if (has_lanes)
    ccrypto_hmac_blocks_lanes(&key->inner, &key->outer, blocks, count, digits);
  else
    ccrypto_hmac_blocks_plain(&key->inner, &key->outer, blocks, count, digits);
}

/// Writes the 32 bytes of a message's SHA-256. OpenSSL's one function for it looks its algorithm up for each message.
static inline void ccrypto_sha256(const uint8_t *message, size_t length, void *digest) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, message, length);
  SHA256_Final((uint8_t *)digest, &context);
}

#endif
