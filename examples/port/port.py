"""A worker for the bosses of port.c and main.rs: `port.py worker NAME FILE`, by libc's own calls."""

import ctypes
import mmap
import os
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.sem_open.restype = ctypes.c_void_p
libc.mq_receive.restype = ctypes.c_ssize_t
WORD_MAX = 32


class Result(ctypes.Structure):
    _fields_ = [("type", ctypes.c_long), ("sum", ctypes.c_uint64)]


class Operation(ctypes.Structure):
    _fields_ = [("number", ctypes.c_ushort), ("by", ctypes.c_short), ("flags", ctypes.c_short)]


def check(result, what):
    if result in (-1, None):
        raise OSError(ctypes.get_errno(), what)
    return result


def main(name, file):
    name, key = name.encode(), check(libc.ftok(file.encode(), ord("p")), "ftok")
    words = check(libc.mq_open(name, os.O_RDWR), "mq_open")
    turn = ctypes.c_void_p(check(libc.sem_open(name, 0), "sem_open"))
    memory = check(libc.shm_open(name, os.O_RDWR, 0), "shm_open")
    total = mmap.mmap(memory, 8)
    results = check(libc.msgget(key, 0), "msgget")
    done = check(libc.semget(key, 1, 0), "semget")
    word, one = ctypes.create_string_buffer(WORD_MAX), Operation(0, 1, 0)
    check(libc.semop(done, ctypes.byref(one), 1), "semop")
    while length := check(libc.mq_receive(words, word, WORD_MAX, None), "mq_receive"):
        result = Result(1, sum(word.raw[:length]))
        check(libc.sem_wait(turn), "sem_wait")
        total[:8] = struct.pack("Q", struct.unpack("Q", total[:8])[0] + result.sum)
        check(libc.sem_post(turn), "sem_post")
        check(libc.msgsnd(results, ctypes.byref(result), 8, 0), "msgsnd")
        check(libc.semop(done, ctypes.byref(one), 1), "semop")


if len(sys.argv) != 4 or sys.argv[1] != "worker":
    sys.exit("usage: port.py worker NAME FILE")
main(*sys.argv[2:])
