/* The mechanics of a KEM library, without its mathematics: what is tested is the adapter that calls it.
 *
 * k is the xor of a block of c with a block of dk. FAULT chooses what goes wrong.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EK 1184
#define DK 2400
#define CT 1088

enum { NONE, READ_PAST_EK, WRITE_PAST_K, WRITE_BEFORE_C, CHANGE_DK, CHANGE_C, CRASH, ALIGNED, ONE_IS_OK, REFUSE, HANG };

#ifndef FAULT
#define FAULT NONE
#endif
#ifndef LENGTH
#define LENGTH size_t
#endif

#ifdef OWN_RANDOMNESS
void randombytes(uint8_t *out, size_t length) { memset(out, 0x42, length); }
#elif defined(SETTER)
static void (*source)(uint8_t *, size_t);
void set_source(void (*given)(uint8_t *, size_t)) { source = given; }
static void randombytes(uint8_t *out, size_t length) {
    if (source) source(out, length); else memset(out, 0x42, length);
}
#else
void randombytes(uint8_t *out, size_t length);
#endif

const char *the_version(void) { return "1.2.3"; }

static const int ok = FAULT == ONE_IS_OK;
static const int refused = FAULT != ONE_IS_OK;

int toy_keypair_derand(uint8_t *ek, uint8_t *dk, const uint8_t *seed) {
    memset(ek, seed[0], EK);
    memset(dk, seed[63], DK);
    return ok;
}

int toy_keypair(uint8_t *ek, uint8_t *dk) {
    uint8_t seed[64];
    randombytes(seed, 32);
    randombytes(seed + 32, 32);
    return toy_keypair_derand(ek, dk, seed);
}

int toy_enc_derand(uint8_t *c, uint8_t *k, const uint8_t *ek, const uint8_t *m) {
    volatile uint8_t seen = 0;
    for (size_t i = 0; i < EK + (FAULT == READ_PAST_EK ? 2 : 0); i++) seen ^= ek[i];
    memset(c, m[0] ^ seen, CT);
    if (FAULT == WRITE_BEFORE_C) c[-5] = 0;
    memcpy(k, m, 32);
    return ok;
}

int toy_enc(uint8_t *c, uint8_t *k, const uint8_t *ek) {
    uint8_t m[32];
    randombytes(m, 32);
    return toy_enc_derand(c, k, ek, m);
}

int toy_enc_of_two(uint8_t *c, uint8_t *k, const uint8_t *ek) {
    uint8_t m[64];
    randombytes(m, 64);
    return toy_enc_derand(c, k, ek, m);
}

int toy_dec(uint8_t *k, const uint8_t *c, const uint8_t *dk) {
    if (FAULT == CRASH && c[7] == 0xEE) abort();
    if (FAULT == HANG && c[7] == 0xEE) for (;;) ;
    if (FAULT == ALIGNED && (uintptr_t)c % 2) abort();
    if (FAULT == REFUSE && c[7] == 0xEE) return refused;
    for (int i = 0; i < 32; i++) k[i] = c[i] ^ dk[i];
    if (FAULT == WRITE_PAST_K && c[7] == 0xEE) memset(k + 32, 0, 3);
    if (FAULT == CHANGE_DK && c[7] == 0xEE) ((uint8_t *)dk)[100] ^= 1;
    if (FAULT == CHANGE_C && c[7] == 0xEE) ((uint8_t *)c)[CT - 1] ^= 1;
    return ok;
}

int toy_check_pk(const uint8_t *ek) { return ek[0] == 0xFF ? refused : ok; }

/* With lengths, and the level first, as some wrappers have it. */
int sized_dec(unsigned level, uint8_t *k, LENGTH k_length, const uint8_t *c, LENGTH c_length, const uint8_t *dk,
              LENGTH dk_length) {
    if (level != 768 || k_length != 32 || c_length != CT || dk_length != DK) return refused;
    return toy_dec(k, c, dk);
}
