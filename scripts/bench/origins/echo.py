"""A WebSocket server that says again what it is told, with compression as the client wants it. Argument: the port."""

import asyncio
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def echo(socket):
    try:
        async for message in socket:
            await socket.send(message)
    except ConnectionClosed:
        pass


async def main():
    async with serve(echo, "127.0.0.1", int(sys.argv[1]), max_size=None, ping_interval=None, close_timeout=2) as server:
        await server.serve_forever()


asyncio.run(main())
