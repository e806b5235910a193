/* The controls of the checks that follow secrets: a stand-in for decapsulation, sound or with one planted leak.
 *
 * It is no KEM. It mixes both inputs without a branch or an address that depends on them; LEAKY then looks up one table
 * entry at a place that the decapsulation key chooses.
 */
#include <stdint.h>
#include <string.h>

static volatile uint8_t table[64 * 256];
volatile uint8_t pqvalidate_sink;

int control_dec(uint8_t *k, const uint8_t *c, const uint8_t *dk) {
    uint32_t mixed[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < CT; i++)
            mixed[i & 7] = (mixed[i & 7] << 5 | mixed[i & 7] >> 27) * 2654435761u + c[i] + mixed[(i + 1) & 7];
    for (int i = 0; i < DK; i++)
        mixed[i & 7] = (mixed[i & 7] << 7 | mixed[i & 7] >> 25) * 2654435761u + dk[i] + mixed[(i + 3) & 7];
#ifdef LEAKY
    for (int i = 0; i < 32; i++) pqvalidate_sink = table[(dk[i] & 63) * 256 + i];
#else
    for (int i = 0; i < 32; i++) pqvalidate_sink = table[i * 256 + i];
#endif
    memcpy(k, mixed, sizeof mixed);
    return 0;
}
