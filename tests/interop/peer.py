"""A peer that has Python's side of the mechanisms, by its standard library alone.

It reads commands, one a line, from its standard input and answers each by one line, as
peer.c does. A command that fails answers "error", what failed, and why.
"""

import _multiprocessing
import fcntl
import mmap
import os
import signal
import socket
import struct
import sys
from multiprocessing import resource_tracker, shared_memory

COMMANDS = {}


def command(function):
    COMMANDS[function.__name__] = function
    return function


def text(data):
    return data.decode() if data else "end"


# --- Descriptors ---


@command
def open_read(path):
    return os.open(path, os.O_RDONLY)


@command
def open_write(path):
    return os.open(path, os.O_WRONLY)


@command
def open_both(path):
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


@command
def close(fd):
    os.close(int(fd))


@command
def read(fd):
    return text(os.read(int(fd), 4096))


@command
def write(fd, word):
    os.write(int(fd), word.encode())


@command
def mkfifo(path):
    os.mkfifo(path, 0o600)


@command
def pipe():
    return "%d %d" % os.pipe()


@command
def ftruncate(fd, size):
    os.ftruncate(int(fd), int(size))


@command
def map_write(fd, offset, word):
    with mmap.mmap(int(fd), 0) as memory:
        memory[int(offset) : int(offset) + len(word)] = word.encode()


@command
def map_read(fd, offset, length):
    with mmap.mmap(int(fd), 0) as memory:
        return memory[int(offset) : int(offset) + int(length)].decode()


# --- Sockets ---

SOCKETS = {}
CREDENTIALS = struct.Struct("iII")


def inherited(fd):
    if fd not in SOCKETS:
        SOCKETS[fd] = socket.socket(fileno=int(fd))
    return SOCKETS[fd]


def known(other):
    SOCKETS[str(other.fileno())] = other
    return other.fileno()


@command
def connect(path):
    stream = socket.socket(socket.AF_UNIX)
    stream.connect(path)
    return known(stream)


@command
def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    return known(listener)


@command
def accept(fd):
    return known(inherited(fd).accept()[0])


@command
def send(fd, word):
    inherited(fd).send(word.encode())


@command
def recv(fd):
    return text(inherited(fd).recv(4096))


@command
def send_fds(fd, first, second, word):
    socket.send_fds(inherited(fd), [word.encode()], [int(first), int(second)])


@command
def recv_fds(fd):
    data, descriptors, _, _ = socket.recv_fds(inherited(fd), 4096, 2)
    first, second = descriptors
    return f"{first} {second} {data.decode()}"


@command
def pass_credentials(fd):
    inherited(fd).setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)


@command
def send_credentials(fd, word):
    own = CREDENTIALS.pack(os.getpid(), os.getuid(), os.getgid())
    control = [(socket.SOL_SOCKET, socket.SCM_CREDENTIALS, own)]
    inherited(fd).sendmsg([word.encode()], control)


@command
def recv_credentials(fd):
    room = socket.CMSG_SPACE(CREDENTIALS.size)
    data, [(_, kind, own)], _, _ = inherited(fd).recvmsg(4096, room)
    assert kind == socket.SCM_CREDENTIALS
    return "%d %d %d" % CREDENTIALS.unpack(own) + " " + data.decode()


@command
def peer_credentials(fd):
    size = CREDENTIALS.size
    own = inherited(fd).getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return "%d %d %d" % CREDENTIALS.unpack(own)


# --- Descriptors of a special kind ---


@command
def eventfd(initial):
    return os.eventfd(int(initial), os.EFD_CLOEXEC)


@command
def eventfd_read(fd):
    return os.eventfd_read(int(fd))


@command
def eventfd_write(fd, value):
    os.eventfd_write(int(fd), int(value))


@command
def memfd(size):
    fd = os.memfd_create("interop", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, int(size))
    return fd


@command
def add_seals(fd, seals):
    fcntl.fcntl(int(fd), fcntl.F_ADD_SEALS, int(seals))


@command
def get_seals(fd):
    return fcntl.fcntl(int(fd), fcntl.F_GET_SEALS)


# --- What multiprocessing is made of ---

MEMORY = {}


def kept(memory):
    # Else a process of multiprocessing's removes the name when this one ends.
    resource_tracker.unregister(memory._name, "shared_memory")
    fd = os.dup(memory._fd)
    MEMORY[fd] = memory
    return fd


@command
def shm_open(name):
    return kept(shared_memory.SharedMemory(name.removeprefix("/")))


@command
def shm_create(name, size):
    return kept(shared_memory.SharedMemory(name.removeprefix("/"), create=True, size=int(size)))


@command
def buf_write(fd, offset, word):
    MEMORY[int(fd)].buf[int(offset) : int(offset) + len(word)] = word.encode()


@command
def buf_read(fd, offset, length):
    return bytes(MEMORY[int(fd)].buf[int(offset) : int(offset) + int(length)]).decode()


KIND_SEMAPHORE = 1
VALUE_MAX = 2**31 - 1
semaphore = None


@command
def sem_open(name):
    global semaphore
    semaphore = _multiprocessing.SemLock._rebuild(0, KIND_SEMAPHORE, VALUE_MAX, name)


@command
def sem_create(name, value):
    global semaphore
    semaphore = _multiprocessing.SemLock(KIND_SEMAPHORE, int(value), VALUE_MAX, name, False)


@command
def sem_unlink(name):
    _multiprocessing.sem_unlink(name)


@command
def sem_wait():
    semaphore.acquire()


@command
def sem_trywait():
    return None if semaphore.acquire(False) else "none"


@command
def sem_post():
    semaphore.release()


@command
def sem_getvalue():
    return semaphore._get_value()


# --- Signals: all that are sent here are blocked ---


@command
def sigwaitinfo(number):
    info = signal.sigwaitinfo([int(number)])
    # Python does not say what was queued along.
    return f"{info.si_signo} {info.si_code} {info.si_pid} {info.si_uid} -"


@command
def kill(pid, number):
    os.kill(int(pid), int(number))


@command
def pidfd_signal(pid, number):
    fd = os.pidfd_open(int(pid))
    try:
        signal.pidfd_send_signal(fd, int(number))
    finally:
        os.close(fd)


@command
def real_time():
    return f"{int(signal.SIGRTMIN)} {int(signal.SIGRTMAX)}"


# --- Locks ---


@command
def lock_try(fd, start, length):
    try:
        fcntl.lockf(int(fd), fcntl.LOCK_EX | fcntl.LOCK_NB, int(length), int(start))
    except BlockingIOError:
        return "locked"


@command
def lock(fd, start, length):
    fcntl.lockf(int(fd), fcntl.LOCK_EX, int(length), int(start))


@command
def unlock(fd, start, length):
    fcntl.lockf(int(fd), fcntl.LOCK_UN, int(length), int(start))


def main():
    if sys.version_info < (3, 10):
        print("Python is older than 3.10", flush=True)
        return
    real_time_signals = range(signal.SIGRTMIN, signal.SIGRTMAX + 1)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, *real_time_signals])
    print("ready", flush=True)
    for line in sys.stdin:
        name, *arguments = line.split()
        try:
            answer = COMMANDS[name](*arguments)
        except Exception as error:
            answer = f"error {name}: {error!r}"
        print("ok" if answer is None else answer, flush=True)


main()
