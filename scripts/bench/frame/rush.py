"""More work than a server can do for a while, as clients bring it: each waits two seconds, then asks again.

Row 5.13: 10,000 requests of three sizes, 1,000 a second; how long each took until it had its answer, all its attempts
together. A client that is refused or gets nothing tries again after a while that doubles, up to four seconds.
"""

import asyncio
import os
import random
import time

from .proxies import PROXY_CPU

REQUESTS, RATE, PATIENCE, SLOWEST = 10_000, 1_000, 2.0, 4.0
# A share of so many, each so large.
SIZES = [(80, 16 << 10), (15, 128 << 10), (5, 512 << 10)]


def bodies():
    """A body of each size: words, so that there is something to compress."""
    chance = random.Random(5)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(4096)]
    whole = b" ".join(chance.choices(words, k=160_000))
    return {size: whole[:size] for _, size in SIZES}


async def attempt(port, body):
    """True if the answer is there, and is one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        writer.write(body)
        await writer.drain()
        return (await reader.read()).startswith(b"HTTP/1.1 200")
    finally:
        writer.transport.abort()


async def client(port, body, chance):
    """Seconds until it has its answer."""
    began, pause = time.monotonic(), 0.25
    while True:
        try:
            if await asyncio.wait_for(attempt(port, body), PATIENCE):
                return time.monotonic() - began
        except (OSError, TimeoutError, asyncio.TimeoutError):
            pass
        await asyncio.sleep(pause * chance.uniform(0.5, 1.5))
        pause = min(pause * 2, SLOWEST)


async def rush(port, most):
    chance, texts = random.Random(13), bodies()
    sizes = chance.choices([size for _, size in SIZES], weights=[share for share, _ in SIZES], k=REQUESTS)
    began, tasks = time.monotonic(), []
    for number, size in enumerate(sizes):
        await asyncio.sleep(max(0, began + number / RATE - time.monotonic()))
        tasks.append(asyncio.create_task(client(port, texts[size], chance)))
    _, left = await asyncio.wait(tasks, timeout=most)
    for task in left:
        task.cancel()
    # Who never got an answer waited at least until now.
    never = time.monotonic() - began
    took = sorted([task.result() for task in tasks if task not in left] + [never] * len(left))
    return took[len(took) * 99 // 100], len(left)


def run(port, most=180):
    """(Seconds that 99 of a hundred took at most, how many never had an answer). Leaves the server's CPU to it."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {PROXY_CPU})
    try:
        return asyncio.run(rush(port, most))
    finally:
        os.sched_setaffinity(0, allowed)
