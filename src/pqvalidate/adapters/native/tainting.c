/* What a worker under valgrind's memcheck says to it: which bytes are secret, and between which calls to report.
 *
 * memcheck tracks undefined bits through every instruction; a branch or an address that depends on one is an error of
 * the program that it reports. Secret bytes are therefore declared undefined. Outside valgrind all of this does nothing.
 */
#include <stddef.h>
#include <valgrind/memcheck.h>

int pqvalidate_watched(void) { return RUNNING_ON_VALGRIND != 0; }

void pqvalidate_taint(unsigned char *from, size_t offset, size_t size) {
    VALGRIND_MAKE_MEM_UNDEFINED(from + offset, size);
}

void pqvalidate_clean(unsigned char *from, size_t size) { VALGRIND_MAKE_MEM_DEFINED(from, size); }

/* How many of these bytes depend on a secret, or -1 where memcheck does not answer. */
long pqvalidate_tainted(unsigned char *from, size_t size) {
    long found = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char bits = 0;
        if (VALGRIND_GET_VBITS(from + i, &bits, 1) != 1) return -1;
        VALGRIND_MAKE_MEM_DEFINED(&bits, 1);
        found += bits != 0;
    }
    return found;
}

void pqvalidate_quiet(void) { VALGRIND_DISABLE_ERROR_REPORTING; }

void pqvalidate_begin(void) {
    VALGRIND_PRINTF("pqvalidate begin\n");
    VALGRIND_ENABLE_ERROR_REPORTING;
}

void pqvalidate_end(void) {
    VALGRIND_DISABLE_ERROR_REPORTING;
    VALGRIND_PRINTF("pqvalidate end\n");
}

long pqvalidate_errors(void) { return (long)VALGRIND_COUNT_ERRORS; }
