/*
 * A peer that has libc's side of every mechanism: it reads commands, one a line, from
 * its standard input and answers each by one line. A command that fails answers
 * "error", what failed, and why. It ends with its input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define WORDS 8
#define ROOM 4096

static void answer(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* Whether a call succeeded; if not, this is the answer. */
static int ok(long long result, const char *what)
{
	if (result >= 0)
		return 1;
	answer("error %s: %s", what, strerror(errno));
	return 0;
}

static void answer_ok(long long result, const char *what)
{
	if (ok(result, what))
		answer("ok");
}

static long number(const char *word)
{
	return strtol(word, NULL, 0);
}

/* Answers with what was received, or "end". */
static void answer_bytes(ssize_t len, const char *bytes, const char *what)
{
	if (!ok(len, what))
		return;
	if (len == 0)
		answer("end");
	else
		answer("%.*s", (int)len, bytes);
}

/* --- Descriptors --- */

static void open_read(char **word)
{
	int fd = open(word[1], O_RDONLY | O_CLOEXEC);
	if (ok(fd, "open"))
		answer("%d", fd);
}

static void open_write(char **word)
{
	int fd = open(word[1], O_WRONLY | O_CLOEXEC);
	if (ok(fd, "open"))
		answer("%d", fd);
}

static void open_both(char **word)
{
	int fd = open(word[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (ok(fd, "open"))
		answer("%d", fd);
}

static void close_it(char **word)
{
	answer_ok(close(number(word[1])), "close");
}

static void read_it(char **word)
{
	char bytes[ROOM];
	answer_bytes(read(number(word[1]), bytes, sizeof bytes), bytes, "read");
}

static void write_it(char **word)
{
	answer_ok(write(number(word[1]), word[2], strlen(word[2])), "write");
}

static void make_fifo(char **word)
{
	answer_ok(mkfifo(word[1], 0600), "mkfifo");
}

static void make_pipe(char **word)
{
	int ends[2];
	(void)word;
	if (ok(pipe2(ends, O_CLOEXEC), "pipe2"))
		answer("%d %d", ends[0], ends[1]);
}

static void truncate_it(char **word)
{
	answer_ok(ftruncate(number(word[1]), number(word[2])), "ftruncate");
}

static void *mapped(int fd, size_t *len)
{
	struct stat status;
	if (!ok(fstat(fd, &status), "fstat"))
		return NULL;
	*len = status.st_size;
	void *memory = mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		ok(-1, "mmap");
		return NULL;
	}
	return memory;
}

static void map_write(char **word)
{
	size_t len;
	char *memory = mapped(number(word[1]), &len);
	if (!memory)
		return;
	memcpy(memory + number(word[2]), word[3], strlen(word[3]));
	answer_ok(munmap(memory, len), "munmap");
}

static void map_read(char **word)
{
	char bytes[ROOM] = "";
	size_t len;
	char *memory = mapped(number(word[1]), &len);
	if (!memory)
		return;
	memcpy(bytes, memory + number(word[2]), number(word[3]));
	munmap(memory, len);
	answer("%s", bytes);
}

/* --- Sockets --- */

static void send_it(char **word)
{
	answer_ok(send(number(word[1]), word[2], strlen(word[2]), MSG_NOSIGNAL), "send");
}

static void receive_it(char **word)
{
	char bytes[ROOM];
	answer_bytes(recv(number(word[1]), bytes, sizeof bytes, 0), bytes, "recv");
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	return address;
}

static void connect_to(char **word)
{
	struct sockaddr_un address = address_of(word[1]);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ok(connect(fd, (struct sockaddr *)&address, sizeof address), "connect"))
		answer("%d", fd);
}

static void listen_at(char **word)
{
	struct sockaddr_un address = address_of(word[1]);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ok(bind(fd, (struct sockaddr *)&address, sizeof address), "bind") &&
	    ok(listen(fd, 1), "listen"))
		answer("%d", fd);
}

static void accept_one(char **word)
{
	int fd = accept4(number(word[1]), NULL, NULL, SOCK_CLOEXEC);
	if (ok(fd, "accept4"))
		answer("%d", fd);
}

union control {
	char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(4 * sizeof(int))];
	struct cmsghdr align;
};

static void send_control(int socket, char *text, int type, const void *data, size_t len)
{
	union control control = { .bytes = "" };
	struct iovec iov = { text, strlen(text) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(len),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = type;
	header->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(header), data, len);
	answer_ok(sendmsg(socket, &message, MSG_NOSIGNAL), "sendmsg");
}

/* The data of the control message of a type, and the text. */
static int receive_control(int socket, int type, void *data, size_t len, char text[ROOM])
{
	union control control;
	struct iovec iov = { text, ROOM - 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof control.bytes,
	};
	ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	if (!ok(received, "recvmsg"))
		return 0;
	text[received] = 0;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	for (; header; header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_type != type || header->cmsg_len != CMSG_LEN(len))
			continue;
		memcpy(data, CMSG_DATA(header), len);
		return 1;
	}
	answer("error recvmsg: not what was expected beside %s", text);
	return 0;
}

static void send_fds(char **word)
{
	int fds[] = { number(word[2]), number(word[3]) };
	send_control(number(word[1]), word[4], SCM_RIGHTS, fds, sizeof fds);
}

static void receive_fds(char **word)
{
	char text[ROOM];
	int fds[2];
	if (receive_control(number(word[1]), SCM_RIGHTS, fds, sizeof fds, text))
		answer("%d %d %s", fds[0], fds[1], text);
}

static void pass_credentials(char **word)
{
	int on = 1;
	answer_ok(setsockopt(number(word[1]), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), "setsockopt");
}

static void send_credentials(char **word)
{
	struct ucred own = { getpid(), getuid(), getgid() };
	send_control(number(word[1]), word[2], SCM_CREDENTIALS, &own, sizeof own);
}

static void receive_credentials(char **word)
{
	char text[ROOM];
	struct ucred from;
	if (receive_control(number(word[1]), SCM_CREDENTIALS, &from, sizeof from, text))
		answer("%d %u %u %s", from.pid, from.uid, from.gid, text);
}

static void peer_credentials(char **word)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (ok(getsockopt(number(word[1]), SOL_SOCKET, SO_PEERCRED, &peer, &len), "getsockopt"))
		answer("%d %u %u", peer.pid, peer.uid, peer.gid);
}

/* --- Descriptors of a special kind --- */

static void make_eventfd(char **word)
{
	int fd = eventfd(number(word[1]), EFD_CLOEXEC);
	if (ok(fd, "eventfd"))
		answer("%d", fd);
}

static void read_eventfd(char **word)
{
	eventfd_t value;
	if (ok(eventfd_read(number(word[1]), &value), "eventfd_read"))
		answer("%llu", (unsigned long long)value);
}

static void write_eventfd(char **word)
{
	answer_ok(eventfd_write(number(word[1]), number(word[2])), "eventfd_write");
}

static void make_memfd(char **word)
{
	int fd = memfd_create("interop", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ok(fd, "memfd_create") && ok(ftruncate(fd, number(word[1])), "ftruncate"))
		answer("%d", fd);
}

static void add_seals(char **word)
{
	answer_ok(fcntl(number(word[1]), F_ADD_SEALS, number(word[2])), "F_ADD_SEALS");
}

static void get_seals(char **word)
{
	int seals = fcntl(number(word[1]), F_GET_SEALS);
	if (ok(seals, "F_GET_SEALS"))
		answer("%d", seals);
}

/* --- System V --- */

struct text {
	long type;
	char text[ROOM];
};

static void make_key(char **word)
{
	key_t key = ftok(word[1], number(word[2]));
	if (key == -1)
		ok(-1, "ftok");
	else
		answer("%d", key);
}

static void get_queue(char **word)
{
	int id = msgget(number(word[1]), number(word[2]) ? IPC_CREAT | IPC_EXCL | 0600 : 0);
	if (ok(id, "msgget"))
		answer("%d", id);
}

static void send_message(char **word)
{
	struct text message = { .type = number(word[2]) };
	size_t len = strlen(word[3]);
	memcpy(message.text, word[3], len);
	answer_ok(msgsnd(number(word[1]), &message, len, 0), "msgsnd");
}

static void receive_message(char **word)
{
	struct text message;
	int flags = strcmp(word[3], "except") == 0 ? MSG_EXCEPT : 0;
	ssize_t len = msgrcv(number(word[1]), &message, ROOM, number(word[2]), flags);
	if (ok(len, "msgrcv"))
		answer("%ld %.*s", message.type, (int)len, message.text);
}

static void queue_status(char **word)
{
	struct msqid_ds status;
	if (ok(msgctl(number(word[1]), IPC_STAT, &status), "msgctl"))
		answer("%lu %lu %d %d", (unsigned long)status.msg_qnum,
		       (unsigned long)status.msg_qbytes, status.msg_lspid, status.msg_lrpid);
}

static void get_set(char **word)
{
	int id = semget(number(word[1]), number(word[2]),
			number(word[2]) ? IPC_CREAT | IPC_EXCL | 0600 : 0);
	if (ok(id, "semget"))
		answer("%d", id);
}

/* set, semaphore, by how much, flags */
static void operate(char **word)
{
	struct sembuf operation = {
		number(word[2]),
		number(word[3]),
		strcmp(word[4], "undo") == 0 ? SEM_UNDO : 0,
	};
	answer_ok(semop(number(word[1]), &operation, 1), "semop");
}

static void get_value(char **word)
{
	int value = semctl(number(word[1]), number(word[2]), GETVAL);
	if (ok(value, "semctl"))
		answer("%d", value);
}

static void set_value(char **word)
{
	union semun {
		int val;
	} value = { number(word[3]) };
	answer_ok(semctl(number(word[1]), number(word[2]), SETVAL, value), "semctl");
}

static void get_segment(char **word)
{
	int id = shmget(number(word[1]), number(word[2]),
			number(word[2]) ? IPC_CREAT | IPC_EXCL | 0600 : 0);
	if (ok(id, "shmget"))
		answer("%d", id);
}

static void *attached;

static void attach(char **word)
{
	void *memory = shmat(number(word[1]), NULL, 0);
	if (memory == (void *)-1) {
		ok(-1, "shmat");
		return;
	}
	attached = memory;
	answer("ok");
}

static void attached_write(char **word)
{
	memcpy((char *)attached + number(word[1]), word[2], strlen(word[2]));
	answer("ok");
}

static void attached_read(char **word)
{
	answer("%.*s", (int)number(word[2]), (char *)attached + number(word[1]));
}

static void detach(char **word)
{
	(void)word;
	answer_ok(shmdt(attached), "shmdt");
}

static void remove_it(char **word)
{
	int id = number(word[2]);
	if (strcmp(word[1], "msg") == 0)
		answer_ok(msgctl(id, IPC_RMID, NULL), "msgctl");
	else if (strcmp(word[1], "sem") == 0)
		answer_ok(semctl(id, 0, IPC_RMID), "semctl");
	else
		answer_ok(shmctl(id, IPC_RMID, NULL), "shmctl");
}

/* --- POSIX message queues --- */

static mqd_t queue;

static void open_queue(char **word)
{
	queue = mq_open(word[1], O_RDWR | O_CLOEXEC);
	answer_ok(queue, "mq_open");
}

static void create_queue(char **word)
{
	struct mq_attr attributes = { .mq_maxmsg = number(word[2]), .mq_msgsize = number(word[3]) };
	queue = mq_open(word[1], O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0600, &attributes);
	answer_ok(queue, "mq_open");
}

static void unlink_queue(char **word)
{
	answer_ok(mq_unlink(word[1]), "mq_unlink");
}

static void queue_send(char **word)
{
	answer_ok(mq_send(queue, word[2], strlen(word[2]), number(word[1])), "mq_send");
}

static void queue_receive(char **word)
{
	char bytes[1 << 16];
	unsigned priority;
	(void)word;
	ssize_t len = mq_receive(queue, bytes, sizeof bytes, &priority);
	if (ok(len, "mq_receive"))
		answer("%u %.*s", priority, (int)len, bytes);
}

static void queue_attributes(char **word)
{
	struct mq_attr attributes;
	(void)word;
	if (ok(mq_getattr(queue, &attributes), "mq_getattr"))
		answer("%ld %ld %ld", attributes.mq_maxmsg, attributes.mq_msgsize,
		       attributes.mq_curmsgs);
}

static void queue_notify_signal(char **word)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = number(word[1]),
		.sigev_value.sival_int = number(word[2]),
	};
	answer_ok(mq_notify(queue, &event), "mq_notify");
}

static sem_t told;
static int told_value;

static void on_message(union sigval value)
{
	told_value = value.sival_int;
	sem_post(&told);
}

static void queue_notify_thread(char **word)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD,
		.sigev_notify_function = on_message,
		.sigev_value.sival_int = number(word[1]),
	};
	answer_ok(mq_notify(queue, &event), "mq_notify");
}

static void queue_await_thread(char **word)
{
	(void)word;
	if (ok(sem_wait(&told), "sem_wait"))
		answer("%d", told_value);
}

/* --- POSIX shared memory and semaphores --- */

static void open_memory(char **word)
{
	int fd = shm_open(word[1], O_RDWR, 0);
	if (ok(fd, "shm_open"))
		answer("%d", fd);
}

static void create_memory(char **word)
{
	int fd = shm_open(word[1], O_RDWR | O_CREAT | O_EXCL, 0600);
	if (ok(fd, "shm_open") && ok(ftruncate(fd, number(word[2])), "ftruncate"))
		answer("%d", fd);
}

static void unlink_memory(char **word)
{
	answer_ok(shm_unlink(word[1]), "shm_unlink");
}

static sem_t *semaphore;

static void opened_semaphore(sem_t *opened)
{
	semaphore = opened;
	answer_ok(opened == SEM_FAILED ? -1 : 0, "sem_open");
}

static void open_semaphore(char **word)
{
	opened_semaphore(sem_open(word[1], 0));
}

static void create_semaphore(char **word)
{
	opened_semaphore(sem_open(word[1], O_CREAT | O_EXCL, 0600, (unsigned)number(word[2])));
}

static void unlink_semaphore(char **word)
{
	answer_ok(sem_unlink(word[1]), "sem_unlink");
}

/* In mapped memory; what is there already is taken as it is without a value. */
static void semaphore_in(char **word)
{
	size_t len;
	char *memory = mapped(number(word[1]), &len);
	if (!memory)
		return;
	semaphore = (sem_t *)(memory + number(word[2]));
	answer_ok(word[3][0] ? sem_init(semaphore, 1, number(word[3])) : 0, "sem_init");
}

static void semaphore_wait(char **word)
{
	(void)word;
	answer_ok(sem_wait(semaphore), "sem_wait");
}

static void semaphore_try_wait(char **word)
{
	(void)word;
	if (sem_trywait(semaphore) == 0)
		answer("ok");
	else
		answer(errno == EAGAIN ? "none" : "error sem_trywait");
}

static void semaphore_post(char **word)
{
	(void)word;
	answer_ok(sem_post(semaphore), "sem_post");
}

static void semaphore_value(char **word)
{
	int value;
	(void)word;
	if (ok(sem_getvalue(semaphore, &value), "sem_getvalue"))
		answer("%d", value);
}

/* --- Signals: all that are sent here are blocked --- */

static void wait_signal(char **word)
{
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, number(word[1]));
	if (ok(sigwaitinfo(&set, &info), "sigwaitinfo"))
		answer("%d %d %d %u %d", info.si_signo, info.si_code, info.si_pid, info.si_uid,
		       info.si_value.sival_int);
}

static void send_signal(char **word)
{
	answer_ok(kill(number(word[1]), number(word[2])), "kill");
}

static void queue_signal(char **word)
{
	union sigval value = { .sival_int = number(word[3]) };
	answer_ok(sigqueue(number(word[1]), number(word[2]), value), "sigqueue");
}

static void real_time(char **word)
{
	(void)word;
	answer("%d %d", SIGRTMIN, SIGRTMAX);
}

/* --- Locks: descriptor, start, length --- */

static int lock_with(int command, int type, char **word)
{
	struct flock range = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = number(word[2]),
		.l_len = number(word[3]),
	};
	return fcntl(number(word[1]), command, &range);
}

static void lock_try(char **word)
{
	if (lock_with(F_SETLK, F_WRLCK, word) == 0)
		answer("ok");
	else
		answer(errno == EAGAIN || errno == EACCES ? "locked" : "error fcntl");
}

static void lock_wait(char **word)
{
	answer_ok(lock_with(F_SETLKW, F_WRLCK, word), "fcntl");
}

static void unlock(char **word)
{
	answer_ok(lock_with(F_SETLK, F_UNLCK, word), "fcntl");
}

/* --- Commands --- */

static const struct {
	const char *name;
	void (*run)(char **word);
} COMMANDS[] = {
	{ "open_read", open_read },
	{ "open_write", open_write },
	{ "open_both", open_both },
	{ "close", close_it },
	{ "read", read_it },
	{ "write", write_it },
	{ "mkfifo", make_fifo },
	{ "pipe", make_pipe },
	{ "ftruncate", truncate_it },
	{ "map_write", map_write },
	{ "map_read", map_read },
	{ "buf_write", map_write },
	{ "buf_read", map_read },
	{ "send", send_it },
	{ "recv", receive_it },
	{ "connect", connect_to },
	{ "listen", listen_at },
	{ "accept", accept_one },
	{ "send_fds", send_fds },
	{ "recv_fds", receive_fds },
	{ "pass_credentials", pass_credentials },
	{ "send_credentials", send_credentials },
	{ "recv_credentials", receive_credentials },
	{ "peer_credentials", peer_credentials },
	{ "eventfd", make_eventfd },
	{ "eventfd_read", read_eventfd },
	{ "eventfd_write", write_eventfd },
	{ "memfd", make_memfd },
	{ "add_seals", add_seals },
	{ "get_seals", get_seals },
	{ "ftok", make_key },
	{ "msgget", get_queue },
	{ "msgsnd", send_message },
	{ "msgrcv", receive_message },
	{ "msgstat", queue_status },
	{ "semget", get_set },
	{ "semop", operate },
	{ "getval", get_value },
	{ "setval", set_value },
	{ "shmget", get_segment },
	{ "shmat", attach },
	{ "shm_write", attached_write },
	{ "shm_read", attached_read },
	{ "shmdt", detach },
	{ "remove", remove_it },
	{ "mq_open", open_queue },
	{ "mq_create", create_queue },
	{ "mq_unlink", unlink_queue },
	{ "mq_send", queue_send },
	{ "mq_receive", queue_receive },
	{ "mq_getattr", queue_attributes },
	{ "mq_notify_signal", queue_notify_signal },
	{ "mq_notify_thread", queue_notify_thread },
	{ "mq_await_thread", queue_await_thread },
	{ "shm_open", open_memory },
	{ "shm_create", create_memory },
	{ "shm_unlink", unlink_memory },
	{ "sem_open", open_semaphore },
	{ "sem_create", create_semaphore },
	{ "sem_unlink", unlink_semaphore },
	{ "sem_in", semaphore_in },
	{ "sem_wait", semaphore_wait },
	{ "sem_trywait", semaphore_try_wait },
	{ "sem_post", semaphore_post },
	{ "sem_getvalue", semaphore_value },
	{ "sigwaitinfo", wait_signal },
	{ "kill", send_signal },
	{ "sigqueue", queue_signal },
	{ "real_time", real_time },
	{ "lock_try", lock_try },
	{ "lock", lock_wait },
	{ "unlock", unlock },
};

static void run(char **word)
{
	for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
		if (strcmp(word[0], COMMANDS[i].name) == 0) {
			COMMANDS[i].run(word);
			return;
		}
	}
	answer("error %s: no such command", word[0]);
}

int main(void)
{
	static char line[ROOM];
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++)
		sigaddset(&set, signal);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sem_init(&told, 0, 0);

	answer("ready");
	while (fgets(line, sizeof line, stdin)) {
		char *word[WORDS], *rest = line;
		for (int i = 0; i < WORDS; i++) {
			char *next = strtok_r(rest, " \n", &rest);
			word[i] = next ? next : "";
		}
		run(word);
	}
	return 0;
}
