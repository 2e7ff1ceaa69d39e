"""What every origin of Python serves: it reads the whole body, and says what it has seen of the request.

    python app.py aiohttp|tornado|cheroot PORT

The others are started by their own commands, on `wsgi` or `asgi`.
"""

import sys


def outcome(path):
    return 204 if path.startswith("/204/") else 304 if path.startswith("/304/") else 200


def seen(method, path, length):
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in path)
    return {"X-Seen": f"{method} {plain}", "X-Body": str(length)}


REASONS = {200: "OK", 204: "No Content", 304: "Not Modified"}


def wsgi(environ, start):
    source, length = environ["wsgi.input"], 0
    if environ.get("CONTENT_LENGTH"):
        length = len(source.read(int(environ["CONTENT_LENGTH"])))
    elif environ.get("HTTP_TRANSFER_ENCODING"):
        while piece := source.read(65536):
            length += len(piece)
    path = environ["PATH_INFO"]
    status = outcome(path)
    body = b"ok\n" if status == 200 else b""
    headers = list(seen(environ["REQUEST_METHOD"], path, length).items())
    if status == 200:
        headers += [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start(f"{status} {REASONS[status]}", headers)
    return [body]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    length, more = 0, True
    while more:
        event = await receive()
        if event["type"] != "http.request":
            return
        length, more = length + len(event.get("body", b"")), event.get("more_body", False)
    status = outcome(scope["path"])
    body = b"ok\n" if status == 200 else b""
    headers = [(k.lower().encode(), v.encode()) for k, v in seen(scope["method"], scope["path"], length).items()]
    if status == 200:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def aiohttp(port):
    from aiohttp import web

    async def handle(request):
        body = await request.read()
        status = outcome(request.path)
        return web.Response(status=status, headers=seen(request.method, request.path, len(body)),
                            text="ok\n" if status == 200 else None)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    web.run_app(app, host="127.0.0.1", port=port, print=None)


def tornado(port):
    import asyncio

    from tornado import web

    class Handler(web.RequestHandler):
        SUPPORTED_METHODS = (*web.RequestHandler.SUPPORTED_METHODS, "TRACE", "FOO")

        async def prepare(self):
            path = self.request.path
            self.set_status(outcome(path))
            for name, value in seen(self.request.method, path, len(self.request.body)).items():
                self.set_header(name, value)
            await self.finish(b"ok\n" if outcome(path) == 200 else b"")

    async def run():
        web.Application([(".*", Handler)]).listen(port, "127.0.0.1")
        await asyncio.Event().wait()
    asyncio.run(run())


def cheroot(port):
    from cheroot import wsgi as server

    server.Server(("127.0.0.1", port), wsgi).start()


if __name__ == "__main__":
    {"aiohttp": aiohttp, "tornado": tornado, "cheroot": cheroot}[sys.argv[1]](int(sys.argv[2]))
