/* The mechanics of a signature library, without its mathematics, in the conventions that the families differ in. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PK 1952
#define SK 4032
#define SIG 3309

#ifndef LENGTH
#define LENGTH size_t
#endif

static void make(uint8_t *sig, const uint8_t *m, size_t m_length, const uint8_t *ctx, size_t ctx_length) {
    memset(sig, 0x11, SIG);
    for (size_t i = 0; i < m_length; i++) sig[i % 64] ^= m[i];
    for (size_t i = 0; i < ctx_length; i++) sig[64 + i % 64] ^= ctx[i];
}

int toy_keypair(uint8_t *pk, uint8_t *sk) {
    memset(pk, 1, PK);
    memset(sk, 2, SK);
    return 0;
}

int toy_signature(uint8_t *sig, LENGTH *sig_length, const uint8_t *m, LENGTH m_length, const uint8_t *ctx,
                  LENGTH ctx_length, const uint8_t *sk) {
    (void)sk;
    if (ctx_length > 255) return -1;
    make(sig, m, m_length, ctx, ctx_length);
    *sig_length = SIG;
    return 0;
}

int toy_verify(const uint8_t *sig, LENGTH sig_length, const uint8_t *m, LENGTH m_length, const uint8_t *ctx,
               LENGTH ctx_length, const uint8_t *pk) {
    uint8_t expected[SIG];
    (void)pk;
    if (ctx_length > 255 || sig_length != SIG) return -1;
    make(expected, m, m_length, ctx, ctx_length);
    return memcmp(expected, sig, SIG) ? -1 : 0;
}

/* The interface of NIST's competition: signature and message in one. */
int crypto_sign_keypair(uint8_t *pk, uint8_t *sk) { return toy_keypair(pk, sk); }

int crypto_sign(uint8_t *sm, LENGTH *sm_length, const uint8_t *m, LENGTH m_length, const uint8_t *sk) {
    (void)sk;
    make(sm, m, m_length, 0, 0);
    memcpy(sm + SIG, m, m_length);
    *sm_length = SIG + m_length;
    return 0;
}

int crypto_sign_open(uint8_t *m, LENGTH *m_length, const uint8_t *sm, LENGTH sm_length, const uint8_t *pk) {
    if (sm_length < SIG || toy_verify(sm, SIG, sm + SIG, sm_length - SIG, 0, 0, pk)) return -1;
    *m_length = sm_length - SIG;
    memcpy(m, sm + SIG, *m_length);
    return 0;
}

/* Returns how long the signature is, and lies about it where LIE is set. */
size_t long_signature(uint8_t *sig, const uint8_t *m, LENGTH m_length) {
    make(sig, m, m_length, 0, 0);
#ifdef LIE
    return SIG + 1;
#else
    return SIG;
#endif
}
