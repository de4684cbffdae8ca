/* A target for both fuzzers: with AFL++'s own runtime where afl-clang-fast compiles it, and with
   target.h otherwise. It counts its executions in the file that EXECUTIONS names, so that nobody
   is asked how fast it is. There is nothing to be found in it. */
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef __AFL_COMPILER
#ifdef SHARED
__AFL_FUZZ_INIT();
#endif
#define START() __AFL_INIT()
#define LOOP(rounds) __AFL_LOOP(rounds)
#else
#ifdef SHARED
#define FORKSERVER_SHARED
#endif
#include "../../examples/forkserver/target.h"
#define START() forkserver_start()
#define LOOP(rounds) forkserver_loop(rounds)
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif

static volatile unsigned long *executions;

__attribute__((noinline)) static void parse(const unsigned char *input, size_t len) {
    if (len < 4 || input[0] != 'B') return;
    if (input[1] != 'U') return;
    if (input[2] != 'G') return;
    if (input[3] == 'c') __asm__ volatile("");
}

static void execute(void) {
#ifndef __AFL_COMPILER
    static unsigned char input[65536];
    size_t len = forkserver_read(input, sizeof input);
#elif defined(SHARED)
    const unsigned char *input = __AFL_FUZZ_TESTCASE_BUF;
    size_t len = __AFL_FUZZ_TESTCASE_LEN;
#else
    static unsigned char input[65536];
    ssize_t read_len = read(0, input, sizeof input);
    size_t len = read_len < 0 ? 0 : (size_t)read_len;
#endif
    ++*executions;
    parse(input, len);
}

int main(void) {
    const char *name = getenv("EXECUTIONS");
    int file = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    executions = mmap(NULL, sizeof *executions, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (executions == MAP_FAILED) return 2;
    close(file);
    START();
#if ROUNDS > 1
    while (LOOP(ROUNDS)) execute();
#else
    execute();
#endif
    return 0;
}
