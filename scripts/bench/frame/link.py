"""A server of one file for the bench of `edgekit ota`: ranges, a link of a given speed, and what really crossed it.

What counts as fetched is what the other side's kernel has acknowledged (TCP_INFO), not what lay in buffers here.
"""

import re
import socket
import struct
import threading
import time

# struct tcp_info of Linux: tcpi_bytes_acked.
ACKED = 120
PIECE = 64 << 10


class Link:
    """Serves `path` on loopback, at most `rate` bytes a second in all; 0 is without limit."""

    def __init__(self, path, rate=0):
        self.file, self.rate, self.size = open(path, "rb"), rate, path.stat().st_size
        self.lock, self.due = threading.Lock(), time.monotonic()
        self.sent = 0
        self.spans = []  # (first, end) of each answer's body, as far as it was acknowledged
        self.open = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/bundle.ekb"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            with self.lock:
                self.open += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        head = first = None
        try:
            first, head, end = self.answer(connection)
            at = first
            while at < end:
                piece = self.read(at, min(PIECE, end - at))
                self.pace(len(piece))
                connection.sendall(piece)
                at += len(piece)
                self.sent += len(piece)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(10)
            connection.recv(1)
        except OSError:
            pass
        finally:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, ACKED + 8)
            connection.close()
            with self.lock:
                self.open -= 1
                if head is not None:
                    # A SYN is a byte of its own.
                    body = struct.unpack_from("Q", info, ACKED)[0] - head - 1
                    self.spans.append((first, min(first + max(body, 0), self.size)))

    def answer(self, connection):
        request = b""
        while b"\r\n\r\n" not in request:
            got = connection.recv(4096)
            if not got:
                raise OSError("no request")
            request += got
        asked = re.search(rb"(?i)range: bytes=(\d+)-(\d*)", request)
        first = int(asked[1]) if asked else 0
        last = min(int(asked[2]) if asked and asked[2] else self.size - 1, self.size - 1)
        head = (f"HTTP/1.1 206 Partial\r\ncontent-range: bytes {first}-{last}/{self.size}\r\netag: \"a\"\r\n"
                f"content-length: {last + 1 - first}\r\n\r\n").encode()
        connection.sendall(head)
        return first, len(head), last + 1

    def read(self, at, length):
        with self.lock:
            self.file.seek(at)
            return self.file.read(length)

    def pace(self, length):
        if not self.rate:
            return
        with self.lock:
            now = time.monotonic()
            self.due = max(self.due, now - 0.01) + length / self.rate
            wait = self.due - now
        if wait > 0:
            time.sleep(wait)

    def settle(self):
        """Waits until all connections are closed; gives the spans since the last time."""
        end = time.monotonic() + 15
        while self.open and time.monotonic() < end:
            time.sleep(0.005)
        with self.lock:
            spans, self.spans = self.spans, []
        return spans


class Union:
    """Bytes that were fetched so far."""

    def __init__(self):
        self.parts = []

    def add(self, first, end):
        """Adds a span; gives how much of it was there already."""
        twice, rest = 0, []
        lowest, highest = first, end
        for a, b in self.parts:
            twice += max(0, min(b, end) - max(a, first))
            if b < first or a > end:
                rest.append((a, b))
            else:
                lowest, highest = min(a, lowest), max(b, highest)
        self.parts = sorted([*rest, (lowest, highest)])
        return twice
