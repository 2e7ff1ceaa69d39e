"""Row 5.17: does an origin see the requests that we sent it, and no others?

Every case of `tests/fixtures/proxy/framing.json` goes through the proxy, with a marker request right behind it, to an
origin of other people. A relay between the two keeps what passes: the requests we wrote, read by the strict reader
here, are compared with the answers the origin gave, each of which names the request it is for and the length of the
body it was read with. Another count, another order, another body: the two frame differently.
"""

import asyncio
import json
import re
import struct
from pathlib import Path

CASES = Path(__file__).resolve().parents[3] / "tests/fixtures/proxy/framing.json"
REFUSALS = {400, 405, 408, 411, 413, 414, 417, 426, 431, 501, 505}
PATIENCE = 10
NAME = re.compile(r"[cm]\d+|hidden|\*")


def cases():
    """(name, bytes of a connection of HTTP/1, or the pieces of a request of HTTP/2)"""
    table = json.loads(CASES.read_text())
    post = "POST {path} HTTP/1.1\r\nHost: a\r\n"
    whole = list(table["heads"])
    whole += [f"{post}{fields}\r\n{body}" for fields in table["fields"] for body in table["bodies"]]
    whole += [f"{post}Transfer-Encoding: chunked\r\n\r\n{chunks}" for chunks in table["chunks"]]
    return [("http1", text) for text in whole] + [("http2", case) for case in table["http2"]]


class Reader:
    """Messages in bytes, strictly: what it does not understand is the fault of who wrote it."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def head(self):
        end = self.data.find(b"\r\n\r\n", self.at)
        if end < 0:
            return None
        first, *lines = self.data[self.at:end].decode("latin-1").split("\r\n")
        self.at = end + 4
        fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            fields.setdefault(name.lower(), value.strip())
        return first, fields

    def take(self, count):
        if self.left() < count:
            return None
        self.at += count
        return count

    def chunks(self):
        """The length of a chunked body; none if it is cut off."""
        total = 0
        while (end := self.data.find(b"\r\n", self.at)) >= 0:
            size = int(self.data[self.at:end].split(b";")[0], 16)
            self.at = end + 2
            if size == 0:
                while (end := self.data.find(b"\r\n", self.at)) >= 0:
                    line, self.at = self.data[self.at:end], end + 2
                    if not line:
                        return total
                return None
            if self.take(size + 2) is None:
                return None
            total += size
        return None


def requests(data):
    """[(method, name, length of the body; none for one that was cut off)]"""
    reader, found = Reader(data), []
    while reader.left():
        head = reader.head()
        if head is None:
            break
        method, target, _ = head[0].split(" ")
        fields, length = head[1], 0
        if "transfer-encoding" in fields:
            if fields["transfer-encoding"] != "chunked" or "content-length" in fields:
                raise ValueError(f"we wrote {head}")
            length = reader.chunks()
        elif "content-length" in fields:
            length = reader.take(int(fields["content-length"]))
        found.append((method, name_in(target), length))
        if length is None:
            break
    return found


def answers(data, asked):
    """[(status, X-Seen, X-Body)] of what an origin wrote."""
    reader, found = Reader(data), []
    while reader.left():
        head = reader.head()
        if head is None:
            break
        status, fields = int(head[0].split(" ")[1]), head[1]
        if status < 200:
            continue
        method = asked[len(found)][0] if len(found) < len(asked) else "GET"
        found.append((status, fields.get("x-seen"), fields.get("x-body")))
        if method == "HEAD" or status in (204, 304):
            continue
        if "transfer-encoding" in fields:
            whole = reader.chunks()
        else:
            whole = reader.take(int(fields["content-length"])) if "content-length" in fields else None
        if whole is None:
            break
    return found


def name_in(target):
    match = NAME.search(target)
    return match[0] if match else target


def differs(up, down, has_left):
    """What is different between what we sent and what was answered; nothing if nothing is.

    `has_left`: the origin closed the connection. What it has not answered then it has not read as anything else.
    """
    try:
        asked = requests(up)
        said = answers(down, asked)
    except (ValueError, IndexError) as error:
        return f"cannot be read: {error}"
    for place, (status, seen, length) in enumerate(said):
        if place >= len(asked):
            return f"{len(said)} answers to {len(asked)} requests"
        if status in REFUSALS and place == len(said) - 1:
            # It took the request for none, and said so once: nothing behind it was read.
            return None
        method, name, ours = asked[place]
        # What a server says of itself, such as Apache to `OPTIONS *`, names no request; it counts all the same.
        # Some write methods in capitals for their programs.
        if seen is not None and (seen.split(" ")[0].upper(), name_in(seen)) != (method.upper(), name):
            return f"{method} {name} was seen as {seen}"
        if length is not None and ours is not None and int(length) != ours:
            return f"a body of {ours} was seen as one of {length}"
    whole = [one for one in asked if one[2] is not None]
    if len(said) < len(whole) and not has_left:
        return f"{len(said)} answers to {len(whole)} requests"
    return None


class Relay:
    """Keeps what passes between us and an origin, by connection."""

    def __init__(self, origin):
        self.origin, self.passed, self.writers = origin, [], []

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        kept = [bytearray(), bytearray(), False, False]
        self.passed.append(kept)
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self.origin)
        except OSError:
            writer.close()
            return
        self.writers += [writer, ours]
        asked = asyncio.create_task(self.carry(reader, ours, kept[0]))
        asked.add_done_callback(lambda _: kept.__setitem__(3, True))
        await self.carry(theirs, writer, kept[1])
        kept[2] = not asked.done()
        await asked

    async def carry(self, reader, writer, kept):
        try:
            while data := await reader.read(65536):
                kept += data
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.close()

    async def stop(self):
        self.server.close()
        for writer in self.writers:
            writer.close()
        # Both directions of each see the end.
        await asyncio.sleep(0.1)

    def take(self):
        """What passed since the last call, of every connection; one that is kept begins with a request again."""
        passed = [(bytes(up), bytes(down), has_left) for up, down, has_left, _ in self.passed if up or down]
        # One that we have ended is over: an answer that comes late is read by nobody.
        self.passed = [kept for kept in self.passed if not kept[3]]
        for kept in self.passed:
            kept[0].clear()
            kept[1].clear()
        return passed


async def send(port, data):
    """Sends, ends, and reads to the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(-1), PATIENCE)
    except OSError:
        return b""
    finally:
        writer.close()


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def block(fields):
    def text(value):
        data = value.encode("latin-1")
        if len(data) < 127:
            return bytes([len(data)]) + data
        return bytes([127, len(data) - 127]) + data
    return b"".join(b"\0" + text(name) + text(value) for name, value in fields)


async def stream(port, case, marker):
    """One request of HTTP/2, and the marker behind it on the same connection."""
    data = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
    body, trailers = case["data"].encode("latin-1"), case.get("trailers")
    ends = not body and trailers is None
    data += frame(1, 5 if ends else 4, 1, block(case["fields"]))
    if not ends:
        data += frame(0, 1 if trailers is None else 0, 1, body)
    if trailers is not None:
        data += frame(1, 5, 1, block(trailers))
    behind = [(":method", "GET"), (":scheme", "http"), (":path", marker), (":authority", "a")]
    data += frame(1, 5, 3, block(behind))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        await asyncio.wait_for(ends_of(reader, {1, 3}), PATIENCE)
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def ends_of(reader, streams):
    """Reads until these streams are over, or the connection is."""
    left = set(streams)
    while left:
        head = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags, number = struct.unpack(">BBI", head[3:])
        if kind == 3 or kind in (0, 1) and flags & 1:
            left.discard(number)


def fill(case, path):
    if isinstance(case, str):
        return case.replace("{path}", path)
    again = {key: value for key, value in case.items()}
    for key in ("fields", "trailers"):
        if key in again:
            again[key] = [[name, value.replace("{path}", path)] for name, value in again[key]]
    return again


async def compare(origin, start, limit=None):
    """([(case, how they differ)], requests that went through). `start` gives a proxy of ours for a port."""
    relay = Relay(origin.port)
    # It asks the origin once before it is there: the relay goes on meanwhile.
    proxy = await asyncio.to_thread(start, await relay.start())
    relay.take()
    found, passed = [], 0
    for number, (kind, case) in enumerate(cases()[:limit]):
        case, marker = fill(case, f"/c{number}"), f"/m{number}"
        try:
            if kind == "http1":
                behind = f"GET {marker} HTTP/1.1\r\nHost: a\r\n\r\n"
                await send(proxy.port, (case + behind).encode("latin-1"))
            else:
                await stream(proxy.port, case, marker)
            # A connection that is kept is in step: another client is answered on it, and with its own answer.
            after = await send(proxy.port, f"GET /m9{number} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        except (TimeoutError, asyncio.TimeoutError):
            found.append((case, "nobody answers"))
            continue
        for up, down, has_left in relay.take():
            passed += up.count(b" HTTP/1.1\r\n")
            if how := differs(up, down, has_left):
                found.append((case, how))
        if not after.startswith(b"HTTP/1.1 2") or f"/m9{number}".encode() not in after:
            found.append((case, f"who asks next is told {after[:60]!r}"))
    await relay.stop()
    return found, passed
