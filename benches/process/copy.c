/*
 * What a C program does to read another process's memory: the other contestant of
 * benches/process.rs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Reads all of it; 0, or why it could not. */
int copy(pid_t pid, char *remote, char *local, size_t len)
{
	while (len > 0) {
		struct iovec here = { local, len };
		struct iovec there = { remote, len };
		ssize_t count = process_vm_readv(pid, &here, 1, &there, 1, 0);
		if (count < 0)
			return errno;
		if (count == 0)
			return EFAULT;
		remote += count;
		local += count;
		len -= count;
	}
	return 0;
}

/* Reads `count` pieces of `len` bytes, every `step` bytes, with one call. */
int gather(pid_t pid, char *remote, char *local, size_t count, size_t len, size_t step)
{
	struct iovec here = { local, count * len };
	struct iovec there[IOV_COUNT];
	for (size_t i = 0; i < count; i++) {
		there[i].iov_base = remote + i * step;
		there[i].iov_len = len;
	}
	ssize_t moved = process_vm_readv(pid, &here, 1, there, count, 0);
	if (moved < 0)
		return errno;
	return (size_t)moved == count * len ? 0 : EFAULT;
}
