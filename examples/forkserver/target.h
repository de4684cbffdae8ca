/* The side of a C program that is fuzzed by AFL++'s protocol: a fork server on the descriptors
   198 and 199, the coverage map named by __AFL_SHM_ID, and the callbacks of the compiler:
   gcc -fsanitize-coverage=trace-pc, or clang -fsanitize-coverage=trace-pc-guard
   -fno-sanitize-link-runtime, as each library that is not needed makes each fork slower.

       #include "target.h"
       int main(void) {
           static unsigned char input[65536];
           forkserver_start();                 // after all that need not be done each time
           while (forkserver_loop(1000)) {     // persistent mode; without it: once a process
               size_t len = forkserver_read(input, sizeof input);
               parse(input, len);
           }
       }

   To be included by one file of the program. afl-fuzz runs the same program. Where nobody
   fuzzes, the program runs once with what is on its standard input.

   Two macros may be defined before: FORKSERVER_SHARED, if only forkserver_read reads inputs:
   they come in shared memory then, without a system call. FORKSERVER_MAP, the size of gcc's
   map: the fuzzer looks through all of it after each input (clang's is as large as needed). */
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef FORKSERVER_MAP
#define FORKSERVER_MAP 65536
#endif
/* In the first word: there are options; the size of the map; inputs in shared memory. */
#define FORKSERVER_OPTIONS 0x80000001u
#define FORKSERVER_SIZE 0x40000000u
#define FORKSERVER_INPUTS 0x01000000u
/* The callbacks may not call themselves. */
#if defined(__clang__)
#define FORKSERVER_BARE __attribute__((no_sanitize("coverage")))
#else
#define FORKSERVER_BARE __attribute__((no_sanitize_coverage))
#endif

/* What is counted before there is a fuzzer, and without one. */
static unsigned char forkserver_alone[FORKSERVER_MAP];
static unsigned char *forkserver_map = forkserver_alone;
static uintptr_t forkserver_last;
static uint32_t forkserver_guards;
/* This process's number, if it is one for the fuzzer. */
static pid_t forkserver_own;
/* The length of the input, and behind it the input, where they are in shared memory. */
static const uint32_t *forkserver_shared;

/* gcc: no number of the place, hence its address, from a place in the same program. */
FORKSERVER_BARE void __sanitizer_cov_trace_pc(void) {
    uintptr_t pc = (uintptr_t)__builtin_return_address(0) - (uintptr_t)&__sanitizer_cov_trace_pc;
    uintptr_t place = (uint32_t)((uint32_t)pc * 0x9e3779b1u) >> 16;
    forkserver_map[(place ^ forkserver_last) % FORKSERVER_MAP]++;
    forkserver_last = place >> 1;
}

/* clang: each edge has a number. */
FORKSERVER_BARE void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop) {
    for (; start < stop; start++)
        if (!*start) *start = ++forkserver_guards;
}
FORKSERVER_BARE void __sanitizer_cov_trace_pc_guard(uint32_t *guard) {
    forkserver_map[*guard % FORKSERVER_MAP]++;
}

/* The memory whose number is in an environment variable, or NULL. */
FORKSERVER_BARE static void *forkserver_attach(const char *variable) {
    const char *id = getenv(variable);
    void *memory = id ? shmat(atoi(id), NULL, 0) : (void *)-1;
    return memory == (void *)-1 ? NULL : memory;
}

/* How many bytes of the map are counted in. Without it afl-fuzz would clear 8 MiB each time. */
FORKSERVER_BARE static uint32_t forkserver_size(void) {
    uint32_t size = (forkserver_guards + 64) / 64 * 64;
    return forkserver_guards && size < FORKSERVER_MAP ? size : FORKSERVER_MAP;
}

/* Returns in a child for each input; at once where nobody fuzzes. */
FORKSERVER_BARE static void forkserver_start(void) {
    uint32_t word = FORKSERVER_OPTIONS | FORKSERVER_SIZE | (forkserver_size() - 1) << 1;
    int words[2] = {0, 0}; /* the child's number, and its status */
    pid_t child = 0;
    int stopped = 0;
    pid_t own = getpid();
    void *map = forkserver_attach("__AFL_SHM_ID");
    if (!map) return;
    forkserver_map = map;
#ifdef FORKSERVER_SHARED
    forkserver_shared = forkserver_attach("__AFL_SHM_FUZZ_ID");
#endif
    if (forkserver_shared) word |= FORKSERVER_INPUTS;
    if (write(199, &word, 4) != 4) return;
    /* Its answer says the same. */
    if (forkserver_shared && (read(198, &word, 4) != 4 || !(word & FORKSERVER_INPUTS))) _exit(1);
    for (;;) {
        if (read(198, &word, 4) != 4) _exit(0);
        /* The fuzzer has killed a child that was stopped between two inputs. */
        if (stopped && word) {
            waitpid(child, NULL, 0);
            stopped = 0;
        }
        if (stopped) {
            kill(child, SIGCONT);
        } else if ((child = fork()) == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != own) _exit(1);
            close(198);
            close(199);
            forkserver_own = getpid();
            forkserver_last = 0;
            return;
        }
        if (child < 0) _exit(1);
        /* On a processor that they share, the child first: the fuzzer is woken once then. */
        sched_yield();
        words[0] = child;
        if (waitpid(child, &words[1], WUNTRACED | WNOHANG) == child) {
            if (write(199, words, 8) != 8) _exit(1);
        } else if (write(199, &words[0], 4) != 4 || waitpid(child, &words[1], WUNTRACED) != child ||
                   write(199, &words[1], 4) != 4)
            _exit(1);
        stopped = WIFSTOPPED(words[1]);
    }
}

/* Whether there is another input: for `rounds` of them in one process, which stops after each. */
FORKSERVER_BARE static inline int forkserver_loop(unsigned rounds) {
    static unsigned done;
    if (done++ == 0) return 1;
    if (!forkserver_own || done > rounds) return 0;
    kill(forkserver_own, SIGSTOP); /* raise makes four system calls more */
    forkserver_last = 0;
    return 1;
}

/* Reads the input, and returns its length. */
FORKSERVER_BARE static inline size_t forkserver_read(unsigned char *input, size_t room) {
    size_t len = 0;
    ssize_t some;
    if (forkserver_shared) {
        len = *forkserver_shared < room ? *forkserver_shared : room;
        memcpy(input, forkserver_shared + 1, len);
        return len;
    }
    while (len < room && (some = read(0, input + len, room - len)) > 0) {
        len += (size_t)some;
        if (forkserver_own) break; /* a file, of which one read has all */
    }
    return len;
}
