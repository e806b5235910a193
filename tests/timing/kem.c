/* A compact ML-KEM-768 (FIPS 203), written for these tests, in which LEAK plants one dependence of time on secrets.
 *
 * Values are right whatever LEAK is. No use of it as cryptography is meant: it is neither fast nor reviewed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define Q 3329
#define N 256
#define K 3
#define POLY 384
#define EK (POLY * K + 32)
#define CT 1088
#define U 320 /* bytes of a polynomial with 10 bits a coefficient */

#define SOUND 0
#define EARLY_EXIT 1
#define BRANCH_ON_FAILURE 2
#define BRANCH_PER_BIT 3
#define TABLE 4
#define STRCMP 5
#define DIVISION 6
#ifndef LEAK
#define LEAK SOUND
#endif

/* The compiler must not see through what is meant to have no branch, nor drop what is planted. */
volatile uint64_t kem_sink;
#define sink kem_sink
static uint32_t hidden(uint32_t x) { __asm__("" : "+r"(x)); return x; }

static uint64_t rotated(uint64_t x, int n) { return n ? x << n | x >> (64 - n) : x; }

static void keccak(uint64_t a[25]) {
    static const int rho[24] = {1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44};
    static const int pi[24] = {10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1};
    uint8_t lfsr = 1;
    for (int round = 0; round < 24; round++) {
        uint64_t c[5], t;
        for (int x = 0; x < 5; x++) c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (int x = 0; x < 5; x++) {
            t = c[(x + 4) % 5] ^ rotated(c[(x + 1) % 5], 1);
            for (int y = 0; y < 25; y += 5) a[y + x] ^= t;
        }
        t = a[1];
        for (int i = 0; i < 24; i++) {
            uint64_t next = a[pi[i]];
            a[pi[i]] = rotated(t, rho[i]);
            t = next;
        }
        for (int y = 0; y < 25; y += 5) {
            for (int x = 0; x < 5; x++) c[x] = a[y + x];
            for (int x = 0; x < 5; x++) a[y + x] = c[x] ^ (~c[(x + 1) % 5] & c[(x + 2) % 5]);
        }
        for (int j = 0; j < 7; j++) { /* FIPS 202 algorithm 5 */
            if (lfsr & 1) a[0] ^= 1ULL << ((1 << j) - 1);
            lfsr = (uint8_t)(lfsr << 1) ^ ((lfsr >> 7) * 0x71);
        }
    }
}

typedef struct { uint64_t a[25]; int rate, at; } sponge;

static void start(sponge *s, int rate) { memset(s, 0, sizeof *s); s->rate = rate; }

static void byte_in(sponge *s, uint8_t b) {
    s->a[s->at / 8] ^= (uint64_t)b << 8 * (s->at % 8);
    if (++s->at == s->rate) { keccak(s->a); s->at = 0; }
}

static void absorb(sponge *s, const uint8_t *in, int length) { while (length--) byte_in(s, *in++); }

static void finish(sponge *s, uint8_t suffix) {
    s->a[s->at / 8] ^= (uint64_t)suffix << 8 * (s->at % 8);
    s->a[s->rate / 8 - 1] ^= 1ULL << 63;
    s->at = s->rate;
}

static void squeeze(sponge *s, uint8_t *out, int length) {
    while (length--) {
        if (s->at == s->rate) { keccak(s->a); s->at = 0; }
        *out++ = (uint8_t)(s->a[s->at / 8] >> 8 * (s->at % 8));
        s->at++;
    }
}

static void hash(uint8_t *out, int length, int rate, uint8_t suffix, const uint8_t *a, int na, const uint8_t *b, int nb) {
    sponge s;
    start(&s, rate);
    absorb(&s, a, na);
    absorb(&s, b, nb);
    finish(&s, suffix);
    squeeze(&s, out, length);
}
#define H(out, a, na) hash(out, 32, 136, 6, a, na, a, 0)
#define G(out, a, na, b, nb) hash(out, 64, 72, 6, a, na, b, nb)
#define J(out, a, na, b, nb) hash(out, 32, 136, 31, a, na, b, nb)

typedef struct { int32_t c[N]; } poly;

/* x mod q for 0 <= x < 2^26 or so, without a division that the compiler may leave in. */
static int32_t reduced(int64_t x) {
    int64_t t = x - ((x * 20642678) >> 36) * Q;
    t -= Q;
    return (int32_t)(t + ((t >> 63) & Q));
}

static int32_t power(int exponent) {
    int32_t x = 1;
    while (exponent--) x = reduced((int64_t)x * 17);
    return x;
}
static int reversed(int i) { int r = 0; for (int b = 0; b < 7; b++) r |= ((i >> b) & 1) << (6 - b); return r; }
static int32_t zetas[128], gammas[128];

static void tables(void) {
    if (zetas[0]) return;
    for (int i = 0; i < 128; i++) {
        gammas[i] = power(2 * reversed(i) + 1);
        zetas[i] = power(reversed(i));
    }
}

static void ntt(poly *f) { /* FIPS 203 algorithm 9 */
    int i = 1;
    for (int length = 128; length >= 2; length >>= 1)
        for (int at = 0; at < N; at += 2 * length) {
            int32_t zeta = zetas[i++];
            for (int j = at; j < at + length; j++) {
                int32_t t = reduced((int64_t)zeta * f->c[j + length]);
                f->c[j + length] = reduced(f->c[j] - t + Q);
                f->c[j] = reduced(f->c[j] + t);
            }
        }
}

static void inverse_ntt(poly *f) { /* FIPS 203 algorithm 10 */
    int i = 127;
    for (int length = 2; length <= 128; length <<= 1)
        for (int at = 0; at < N; at += 2 * length) {
            int32_t zeta = zetas[i--];
            for (int j = at; j < at + length; j++) {
                int32_t t = f->c[j];
                f->c[j] = reduced(t + f->c[j + length]);
                f->c[j + length] = reduced((int64_t)zeta * (f->c[j + length] - t + Q));
            }
        }
    for (int j = 0; j < N; j++) f->c[j] = reduced((int64_t)f->c[j] * 3303);
}

static void add_product(poly *h, const poly *f, const poly *g) { /* FIPS 203 algorithm 11 */
    for (int i = 0; i < N / 2; i++) {
        int64_t a = f->c[2 * i], b = f->c[2 * i + 1], c = g->c[2 * i], d = g->c[2 * i + 1];
        h->c[2 * i] = reduced(h->c[2 * i] + a * c + (int64_t)reduced(b * d) * gammas[i]);
        h->c[2 * i + 1] = reduced(h->c[2 * i + 1] + a * d + b * c);
    }
}

static void pack(uint8_t *out, const poly *f, int bits) {
    memset(out, 0, (size_t)(32 * bits));
    for (int i = 0, at = 0; i < N; i++)
        for (int b = 0; b < bits; b++, at++) out[at / 8] |= (uint8_t)(((f->c[i] >> b) & 1) << at % 8);
}

static void unpack(poly *f, const uint8_t *in, int bits) {
    for (int i = 0, at = 0; i < N; i++) {
        f->c[i] = 0;
        for (int b = 0; b < bits; b++, at++) f->c[i] |= ((in[at / 8] >> at % 8) & 1) << b;
    }
}

static void compress(poly *f, int bits) { /* exact for these sizes: (x * 2^bits + q/2) / q as a product */
    for (int i = 0; i < N; i++) {
        uint64_t x = ((uint64_t)f->c[i] << bits) + Q / 2;
        f->c[i] = (int32_t)((x * 1290168) >> 32) & ((1 << bits) - 1);
    }
}

static void decompress(poly *f, int bits) {
    for (int i = 0; i < N; i++) f->c[i] = (f->c[i] * Q + (1 << (bits - 1))) >> bits;
}

static void sample_matrix(poly *f, const uint8_t *rho, int j, int i) { /* FIPS 203 algorithm 7; rho is public */
    sponge s;
    uint8_t place[2] = {(uint8_t)j, (uint8_t)i}, b[3];
    start(&s, 168);
    absorb(&s, rho, 32);
    absorb(&s, place, 2);
    finish(&s, 31);
    for (int n = 0; n < N;) {
        squeeze(&s, b, 3);
        int32_t d1 = b[0] | (b[1] & 15) << 8, d2 = b[1] >> 4 | b[2] << 4;
        if (d1 < Q) f->c[n++] = d1;
        if (d2 < Q && n < N) f->c[n++] = d2;
    }
}

static void sample_noise(poly *f, const uint8_t *seed, int number) { /* FIPS 203 algorithm 8, eta 2 */
    uint8_t b[128], n = (uint8_t)number;
    hash(b, 128, 136, 31, seed, 32, &n, 1);
    for (int i = 0; i < N; i++) {
        int v = b[i / 2] >> 4 * (i % 2);
        f->c[i] = reduced((v & 1) + (v >> 1 & 1) - (v >> 2 & 1) - (v >> 3 & 1) + Q);
    }
}

static void message_to_poly(poly *f, const uint8_t *m) {
    for (int i = 0; i < N; i++) {
        uint32_t bit = hidden(m[i / 8] >> i % 8 & 1);
#if LEAK == BRANCH_PER_BIT
        f->c[i] = 0;
        if (bit) { f->c[i] = (Q + 1) / 2; sink += 1; }
#else
        f->c[i] = (int32_t)(-bit & ((Q + 1) / 2));
#endif
    }
}

#if LEAK == TABLE
static volatile uint8_t table[64 * 4096];
#endif

static void poly_to_message(uint8_t *m, poly *f) {
#if LEAK == DIVISION
    for (int i = 0; i < N; i++)
        f->c[i] = (int32_t)((((uint32_t)f->c[i] << 1) + Q / 2) / hidden(Q)) & 1;
#else
    compress(f, 1);
#endif
    pack(m, f, 1);
#if LEAK == TABLE
    for (int i = 0; i < 32; i++) sink += table[(m[i] & 63) * 4096 + i * 64];
#endif
}

static void pke_encrypt(uint8_t *c, const uint8_t *ek, const uint8_t *m, const uint8_t *coins) { /* algorithm 14 */
    poly y[K], a, t, v;
    for (int i = 0; i < K; i++) { sample_noise(&y[i], coins, i); ntt(&y[i]); }
    for (int i = 0; i < K; i++) {
        poly u = {{0}};
        for (int j = 0; j < K; j++) { sample_matrix(&a, ek + POLY * K, i, j); add_product(&u, &a, &y[j]); }
        inverse_ntt(&u);
        sample_noise(&t, coins, K + i);
        for (int n = 0; n < N; n++) u.c[n] = reduced(u.c[n] + t.c[n]);
        compress(&u, 10);
        pack(c + U * i, &u, 10);
    }
    memset(&v, 0, sizeof v);
    for (int j = 0; j < K; j++) { unpack(&a, ek + POLY * j, 12); add_product(&v, &a, &y[j]); }
    inverse_ntt(&v);
    sample_noise(&t, coins, 2 * K);
    message_to_poly(&a, m);
    for (int n = 0; n < N; n++) v.c[n] = reduced(v.c[n] + t.c[n] + a.c[n]);
    compress(&v, 4);
    pack(c + U * K, &v, 4);
}

int kem_keypair_derand(uint8_t *ek, uint8_t *dk, const uint8_t *seed) {
    uint8_t g[64], k = K;
    poly s[K], a;
    tables();
    G(g, seed, 32, &k, 1);
    for (int i = 0; i < K; i++) { sample_noise(&s[i], g + 32, i); ntt(&s[i]); pack(dk + POLY * i, &s[i], 12); }
    for (int i = 0; i < K; i++) {
        poly t;
        sample_noise(&t, g + 32, K + i);
        ntt(&t);
        for (int j = 0; j < K; j++) { sample_matrix(&a, g, j, i); add_product(&t, &a, &s[j]); }
        pack(ek + POLY * i, &t, 12);
    }
    memcpy(ek + POLY * K, g, 32);
    memcpy(dk + POLY * K, ek, EK);
    H(dk + POLY * K + EK, ek, EK);
    memcpy(dk + POLY * K + EK + 32, seed + 32, 32);
    return 0;
}

int kem_enc_derand(uint8_t *c, uint8_t *k, const uint8_t *ek, const uint8_t *m) {
    uint8_t g[64], h[32];
    tables();
    H(h, ek, EK);
    G(g, m, 32, h, 32);
    pke_encrypt(c, ek, m, g + 32);
    memcpy(k, g, 32);
    return 0;
}

static uint32_t differs(const uint8_t *a, const uint8_t *b) {
#if LEAK == EARLY_EXIT
    for (int i = 0; i < CT; i++)
        if (a[i] != b[i]) return 1;
    return 0;
#elif LEAK == STRCMP /* the right answer, after a look that ends at the first difference */
    uint32_t d = 0;
    int same = 0;
    while (same < CT && a[same] && a[same] == b[same]) same++;
    for (int i = 0; i < CT; i++) d |= a[i] ^ b[i];
    sink += (uint64_t)same;
    return (hidden(d) + 255) >> 8;
#else
    uint32_t d = 0;
    for (int i = 0; i < CT; i++) d |= a[i] ^ b[i];
    return (hidden(d) + 255) >> 8;
#endif
}

int kem_dec(uint8_t *k, const uint8_t *c, const uint8_t *dk) {
    const uint8_t *ek = dk + POLY * K, *h = ek + EK, *z = h + 32;
    uint8_t m[32], g[64], rejected[32], again[CT];
#ifdef ALLOCATES /* the way of an allocator depends on what was asked before, and on no secret */
    static void *kept[8];
    static unsigned turn;
    free(kept[turn & 7]);
    kept[turn & 7] = malloc(100 + (turn * 977 & 4095));
    turn++;
#endif
    poly w = {{0}}, u, v, s;
    tables();
    for (int i = 0; i < K; i++) {
        unpack(&u, c + U * i, 10);
        decompress(&u, 10);
        ntt(&u);
        unpack(&s, dk + POLY * i, 12);
        add_product(&w, &s, &u);
    }
    inverse_ntt(&w);
    unpack(&v, c + U * K, 4);
    decompress(&v, 4);
    for (int n = 0; n < N; n++) w.c[n] = reduced(v.c[n] - w.c[n] + Q);
    poly_to_message(m, &w);
    G(g, m, 32, h, 32);
    J(rejected, z, 32, c, CT);
    pke_encrypt(again, ek, m, g + 32);
    uint32_t fail = differs(c, again);
#if LEAK == BRANCH_ON_FAILURE
    if (fail) { memcpy(g, rejected, 32); sink += 1; }
#else
    for (int i = 0; i < 32; i++) g[i] ^= (uint8_t)(-fail & (g[i] ^ rejected[i]));
#endif
    memcpy(k, g, 32);
    return 0;
}
