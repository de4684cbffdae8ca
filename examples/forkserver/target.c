/* A target with planted bugs for `forkserver --afl`:
       cc -O1 -fsanitize-coverage=trace-pc -o target target.c
   With -DROUNDS=1000 each process takes so many inputs. */
#include "target.h"

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
    static unsigned char input[65536];
    forkserver_start();
    while (forkserver_loop(ROUNDS)) parse(input, forkserver_read(input, sizeof input));
    return 0;
}
