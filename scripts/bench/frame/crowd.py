"""Many connections at once, from this process: idle ones, bursts, readers that do not read."""

import contextlib
import resource
import socket

ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def many_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connect(port, receive=None):
    s = socket.socket()
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    s.settimeout(5)
    s.connect(("127.0.0.1", port))
    return s


@contextlib.contextmanager
def idle(port, count):
    """So many connections, each with one request behind it."""
    many_descriptors()
    sockets = []
    try:
        for _ in range(count):
            s = connect(port)
            s.sendall(ASK)
            if not s.recv(4096):
                raise RuntimeError("a connection was closed")
            sockets.append(s)
        yield sockets
    finally:
        for s in sockets:
            s.close()


@contextlib.contextmanager
def slow_readers(port, count, path):
    """So many that ask for much and read nothing; those that are turned away are let go."""
    many_descriptors()
    sockets = []
    try:
        for _ in range(count):
            with contextlib.suppress(OSError):
                s = connect(port, receive=4096)
                sockets.append(s)
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        yield sockets
    finally:
        for s in sockets:
            s.close()
