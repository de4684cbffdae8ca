/* A fork server with libc, by AFL++'s protocol: four bytes on the control pipe ask for an
   execution; the child's number and then its status go out on the status pipe. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* The target. */
__attribute__((noinline)) static void empty(void) { __asm__ volatile(""); }

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    int control = atoi(argv[1]), status = atoi(argv[2]);
    uint32_t word = 0;
    if (write(status, &word, 4) != 4) return 1;
    for (;;) {
        if (read(control, &word, 4) != 4) return 0;
        pid_t child = fork();
        if (child < 0) return 1;
        if (child == 0) {
            close(control);
            close(status);
            empty();
            _exit(0);
        }
        int32_t number = child, how = 0;
        if (write(status, &number, 4) != 4) return 1;
        if (waitpid(child, &how, 0) < 0) return 1;
        if (write(status, &how, 4) != 4) return 1;
    }
}
