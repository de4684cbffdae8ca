/* A target with planted bugs for `forkserver --afl`:
       cc -O1 -fsanitize-coverage=trace-pc -o target target.c
   With -DROUNDS=1000 each process takes so many inputs, with -DFORKSERVER_SHARED from shared
   memory. By afl-clang-fast it has AFL++'s own fork server instead of target.h. */
#ifndef __AFL_COMPILER
#include "target.h"
#else
#include <stdlib.h>
#include <unistd.h>
#ifdef FORKSERVER_SHARED
__AFL_FUZZ_INIT();
#endif
#endif

#ifndef ROUNDS
#define ROUNDS 1
#endif

static void parse(const unsigned char *input, size_t len) {
    if (len < 4 || input[0] != 'B') return;
    if (input[1] != 'U') return;
    if (input[2] != 'G') return;
    if (input[3] == 'n') *(volatile int *)0 = 1;
    if (input[3] == 'a') abort();
    if (input[3] == 'e') exit(3);
    if (input[3] == 'h')
        for (;;) __asm__ volatile("");
}

int main(void) {
#if !defined(__AFL_COMPILER)
    static unsigned char input[65536];
    forkserver_start();
    while (forkserver_loop(ROUNDS)) parse(input, forkserver_read(input, sizeof input));
#elif defined(FORKSERVER_SHARED)
    __AFL_INIT();
    while (__AFL_LOOP(ROUNDS)) parse(__AFL_FUZZ_TESTCASE_BUF, __AFL_FUZZ_TESTCASE_LEN);
#else
    static unsigned char input[65536];
    __AFL_INIT();
    while (__AFL_LOOP(ROUNDS)) {
        ssize_t len = read(0, input, sizeof input);
        parse(input, len > 0 ? (size_t)len : 0);
    }
#endif
    return 0;
}
