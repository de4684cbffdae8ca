/* Robust mutexes of this program's libc and of rawipc, every third of both with priority inheritance, in one list: processes that take and give back both,
   in any order, and are killed after each number of steps. Each lock that was held is marked, no other. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int ours_enter(void);
int ours_lock(size_t index, void *mutex);
void ours_unlock(size_t index);
int ours_lock_pi(size_t index, void *mutex);
void ours_unlock_pi(size_t index);

enum { EACH = 6, STEPS = 40, DEATHS = 1000, ROOM = 64 };

struct memory {
    volatile uint32_t held;
    _Alignas(64) char ours[EACH][ROOM];
    pthread_mutex_t theirs[EACH], first;
};

static int inherits(int index) { return index % 3 == 2; }

static int take(struct memory *memory, int index) {
    return inherits(index) ? ours_lock_pi(index, memory->ours[index]) : ours_lock(index, memory->ours[index]);
}

static void give_back(int index) {
    if (inherits(index)) ours_unlock_pi(index);
    else ours_unlock(index);
}

static int fails(const char *what, int death, int index) {
    printf("death %d, lock %d: %s\n", death, index, what);
    return 1;
}

/* musl makes a thread's list when that first locks a robust mutex. */
static int enter(struct memory *memory) {
    if (pthread_mutex_lock(&memory->first) || pthread_mutex_unlock(&memory->first)) return EINVAL;
    return ours_enter();
}

static int work(struct memory *memory, int death) {
    uint64_t state = (uint64_t)(death + 1) * 0x9e3779b97f4a7c15u | 1;
    int error = enter(memory);
    if (error) return error;
    for (int step = 0; step < death % STEPS; step++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        int index = (state >> 11) % (2 * EACH), held = memory->held >> index & 1;
        if (index < EACH && held) give_back(index);
        else if (index < EACH) { if (take(memory, index)) return 201; }
        else if (held) { if (pthread_mutex_unlock(&memory->theirs[index - EACH])) return 202; }
        else if (pthread_mutex_lock(&memory->theirs[index - EACH])) return 203;
        memory->held ^= 1u << index;
    }
    kill(getpid(), SIGKILL);
    return 204;
}

int main(void) {
    int marked = 0;
    for (int death = 0; death < DEATHS; death++) {
        struct memory *memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return fails("no memory", death, 0);
        pthread_mutexattr_t how;
        pthread_mutexattr_init(&how);
        pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&memory->first, &how);
        for (int index = 0; index < EACH; index++) {
            int protocol = inherits(index) ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE;
            if (pthread_mutexattr_setprotocol(&how, protocol)) return fails("no protocol", death, index);
            pthread_mutex_init(&memory->theirs[index], &how);
        }
        pid_t child = fork();
        if (child < 0) return fails("no process", death, 0);
        if (child == 0) _exit(work(memory, death));
        int status;
        if (waitpid(child, &status, 0) != child || !WIFSIGNALED(status))
            return fails("the child was not killed", death, WEXITSTATUS(status));
        int error = enter(memory);
        if (error) return fails(strerror(error), death, 0);
        for (int index = 0; index < EACH; index++) {
            int expected = memory->held >> index & 1;
            if (take(memory, index) != expected) return fails("ours", death, index);
            give_back(index);
            expected = memory->held >> (EACH + index) & 1 ? EOWNERDEAD : 0;
            if (pthread_mutex_lock(&memory->theirs[index]) != expected)
                return fails("theirs", death, index);
            pthread_mutex_unlock(&memory->theirs[index]);
        }
        marked += __builtin_popcount(memory->held);
        munmap(memory, sizeof *memory);
    }
    printf("%d deaths, %d held locks of both, all marked\n", DEATHS, marked);
    return 0;
}
