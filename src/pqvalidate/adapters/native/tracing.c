/* Loads a library, makes one call of one of its functions between two marks, and ends: what a trace is made of.
 *
 * Usage: tracing LIBRARY SYMBOL ARGUMENTS. The file ARGUMENTS holds, for each argument of the function, a line
 *   n NUMBER          the number itself
 *   i BYTES           the address of so many bytes, which follow the last line, in order
 *   o BYTES           the address of room for so many bytes; the first such room is told at the end, after what was returned
 * Every process makes exactly the same steps up to the call, so that addresses compare from one process to the next.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <valgrind/valgrind.h>

#define MOST 8
#define ROOM 8192
static unsigned char rooms[MOST][ROOM] __attribute__((aligned(4096)));

static int told(struct dl_phdr_info *object, size_t size, void *nothing) {
    uintptr_t end = 0;
    (void)size;
    (void)nothing;
    for (int i = 0; i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_LOAD && object->dlpi_phdr[i].p_vaddr + object->dlpi_phdr[i].p_memsz > end)
            end = object->dlpi_phdr[i].p_vaddr + object->dlpi_phdr[i].p_memsz;
    VALGRIND_PRINTF("pqvalidate object %lx %lx %s\n", (unsigned long)object->dlpi_addr,
                    (unsigned long)(object->dlpi_addr + end), object->dlpi_name);
    return 0;
}

int main(int count, char **words) {
    long values[MOST] = {0};
    size_t sizes[MOST] = {0};
    unsigned char *made = NULL;
    size_t made_size = 0;
    char kinds[MOST] = {0};
    int arguments = 0;
    if (count != 4) return 64;
    FILE *file = fopen(words[3], "rb");
    if (!file) return 66;
    for (char kind; arguments < MOST && fscanf(file, " %c", &kind) == 1 && kind != '.'; arguments++) {
        kinds[arguments] = kind;
        if (fscanf(file, "%ld", &values[arguments]) != 1) return 65;
        if (kind == 'n') continue;
        if (values[arguments] < 0 || values[arguments] > ROOM) return 65;
        sizes[arguments] = (size_t)values[arguments];
        values[arguments] = (long)rooms[arguments];
        if (kind == 'o' && !made) { made = rooms[arguments]; made_size = sizes[arguments]; }
    }
    if (fgetc(file) != '\n') return 65;
    for (int i = 0; i < arguments; i++)
        if (kinds[i] == 'i' && fread(rooms[i], 1, sizes[i], file) != sizes[i]) return 65;
    fclose(file);
    void *library = dlopen(words[1], RTLD_LAZY);
    if (!library) return 69;
    long (*function)(long, long, long, long, long, long, long, long);
    *(void **)&function = dlsym(library, words[2]);
    if (!function) return 68;
    dl_iterate_phdr(told, NULL);
    VALGRIND_PRINTF("pqvalidate begin\n");
    long status = function(values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7]);
    VALGRIND_PRINTF("pqvalidate end\n");
    char hex[2 * 64 + 1] = "";
    for (size_t i = 0; i < made_size && i < 64; i++) snprintf(hex + 2 * i, 3, "%02x", made[i]);
    VALGRIND_PRINTF("pqvalidate output %d %s\n", (int)status, hex);
    return 0;
}
