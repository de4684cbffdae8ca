/* The side of a C program that is fuzzed by AFL++'s protocol: a fork server on the descriptors
   198 and 199, the coverage map named by __AFL_SHM_ID, and the callbacks of the compiler:
   gcc -fsanitize-coverage=trace-pc, or clang -fsanitize-coverage=trace-pc-guard.

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
   fuzzes, the program runs once with what is on its standard input. */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKSERVER_MAP 65536
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
static int forkserver_fuzzed;

/* gcc: no number of the place, hence its address, from a place in the same program. */
FORKSERVER_BARE void __sanitizer_cov_trace_pc(void) {
    uintptr_t pc = (uintptr_t)__builtin_return_address(0) - (uintptr_t)&__sanitizer_cov_trace_pc;
    uintptr_t place = (uint32_t)((uint32_t)pc * 0x9e3779b1u) >> 16;
    forkserver_map[(place ^ forkserver_last) % FORKSERVER_MAP]++;
    forkserver_last = place >> 1;
}

/* clang: each edge has a number. */
FORKSERVER_BARE void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop) {
    static uint32_t count;
    for (; start < stop; start++)
        if (!*start) *start = ++count;
}
FORKSERVER_BARE void __sanitizer_cov_trace_pc_guard(uint32_t *guard) {
    forkserver_map[*guard % FORKSERVER_MAP]++;
}

/* Returns in a child for each input; at once where nobody fuzzes. */
FORKSERVER_BARE static void forkserver_start(void) {
    const char *id = getenv("__AFL_SHM_ID");
    /* Options that want no answer: the size of the map, without which afl-fuzz clears 8 MiB. */
    uint32_t word = 0x80000001u | 0x40000000u | (FORKSERVER_MAP - 1) << 1;
    int32_t child = 0;
    int status = 0, stopped = 0;
    pid_t own = getpid();
    if (id) {
        void *map = shmat(atoi(id), NULL, 0);
        if (map != (void *)-1) forkserver_map = map;
    }
    if (!id || write(199, &word, 4) != 4) return;
    for (;;) {
        if (read(198, &word, 4) != 4) _exit(0);
        /* The fuzzer has killed a child that was stopped between two inputs. */
        if (stopped && word) {
            waitpid(child, &status, 0);
            stopped = 0;
        }
        if (stopped) {
            kill(child, SIGCONT);
        } else if ((child = fork()) == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != own) _exit(1);
            close(198);
            close(199);
            forkserver_fuzzed = 1;
            forkserver_last = 0;
            return;
        }
        if (child < 0 || write(199, &child, 4) != 4) _exit(1);
        if (waitpid(child, &status, WUNTRACED) != child) _exit(1);
        stopped = WIFSTOPPED(status);
        if (write(199, &status, 4) != 4) _exit(1);
    }
}

/* Whether there is another input: for `rounds` of them in one process, which stops after each. */
FORKSERVER_BARE static inline int forkserver_loop(unsigned rounds) {
    static unsigned done;
    if (done++ == 0) return 1;
    if (!forkserver_fuzzed || done > rounds) return 0;
    raise(SIGSTOP);
    forkserver_last = 0;
    return 1;
}

/* Reads the input, and returns its length. */
FORKSERVER_BARE static inline size_t forkserver_read(unsigned char *input, size_t room) {
    size_t len = 0;
    ssize_t some;
    while (len < room && (some = read(0, input + len, room - len)) > 0) len += (size_t)some;
    return len;
}
