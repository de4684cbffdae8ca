/*
 * What examples/port/main.rs is the port of: a boss hands out words by a POSIX message queue, workers
 * answer each with the sum of its bytes by a System V message queue, add it up in POSIX shared memory
 * under a named semaphore, and count it in a System V semaphore, for which the boss waits. Workers count
 * themselves there first. They come when the boss has created everything.
 *
 *     port boss NAME FILE WORKERS
 *     port worker NAME FILE
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <unistd.h>

#define WORDS 100
#define WORD_MAX 32

struct result {
	long type;
	uint64_t sum;
};

static mqd_t words;
static sem_t *turn;
static uint64_t *total;
static int results, done;

static void check(int failed, const char *what)
{
	if (failed) {
		perror(what);
		exit(1);
	}
}

static void open_all(const char *name, const char *file, int flags)
{
	struct mq_attr room = { .mq_maxmsg = 8, .mq_msgsize = WORD_MAX };
	key_t key = ftok(file, 'p');
	int memory;

	check(key == -1, "ftok");
	words = mq_open(name, O_RDWR | flags, 0600, &room);
	check(words == -1, "mq_open");
	turn = sem_open(name, flags, 0600, 1);
	check(turn == SEM_FAILED, "sem_open");
	memory = shm_open(name, O_RDWR | flags, 0600);
	check(memory == -1, "shm_open");
	check(flags && ftruncate(memory, sizeof *total), "ftruncate");
	total = mmap(NULL, sizeof *total, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	check(total == MAP_FAILED, "mmap");
	close(memory);
	flags = flags ? IPC_CREAT | IPC_EXCL | 0600 : 0;
	done = semget(key, 1, flags);
	check(done == -1, "semget");
	check(flags && semctl(done, 0, SETVAL, 0) == -1, "semctl");
	results = msgget(key, flags);
	check(results == -1, "msgget");
}

static void count(int by)
{
	struct sembuf operation = { .sem_num = 0, .sem_op = by };

	while (semop(done, &operation, 1) == -1)
		check(errno != EINTR, "semop");
}

static int boss(const char *name, const char *file, int workers)
{
	uint64_t sum = 0;
	struct result result;
	char word[WORD_MAX];

	open_all(name, file, O_CREAT | O_EXCL);
	count(-workers);
	for (int number = 0; number < WORDS; number++) {
		int len = snprintf(word, sizeof word, "word %d", number);
		check(mq_send(words, word, len, 1) == -1, "mq_send");
	}
	for (int worker = 0; worker < workers; worker++)
		check(mq_send(words, "", 0, 0) == -1, "mq_send");
	count(-WORDS);
	for (int number = 0; number < WORDS; number++) {
		check(msgrcv(results, &result, sizeof result.sum, 1, IPC_NOWAIT) == -1, "msgrcv");
		sum += result.sum;
	}
	printf("%llu %llu\n", (unsigned long long)sum, (unsigned long long)*total);
	check(mq_unlink(name) == -1, "mq_unlink");
	check(sem_unlink(name) == -1, "sem_unlink");
	check(shm_unlink(name) == -1, "shm_unlink");
	check(msgctl(results, IPC_RMID, NULL) == -1, "msgctl");
	check(semctl(done, 0, IPC_RMID) == -1, "semctl");
	return sum == *total ? 0 : 1;
}

static int worker(const char *name, const char *file)
{
	char word[WORD_MAX];
	ssize_t len;

	open_all(name, file, 0);
	count(1);
	while ((len = mq_receive(words, word, sizeof word, NULL)) != 0) {
		struct result result = { .type = 1 };

		check(len == -1, "mq_receive");
		for (ssize_t at = 0; at < len; at++)
			result.sum += (unsigned char)word[at];
		while (sem_wait(turn) == -1)
			check(errno != EINTR, "sem_wait");
		*total += result.sum;
		check(sem_post(turn) == -1, "sem_post");
		check(msgsnd(results, &result, sizeof result.sum, 0) == -1, "msgsnd");
		count(1);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "boss"))
		return boss(argv[2], argv[3], atoi(argv[4]));
	if (argc == 4 && !strcmp(argv[1], "worker"))
		return worker(argv[2], argv[3]);
	fputs("usage: port boss NAME FILE WORKERS | port worker NAME FILE\n", stderr);
	return 2;
}
