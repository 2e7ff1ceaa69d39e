// Node's http as an origin: it says what it has seen of each request. Argument: the port.
const http = require("node:http");

http
  .createServer((request, response) => {
    let length = 0;
    request.on("data", (piece) => (length += piece.length));
    request.on("end", () => {
      const status = request.url.startsWith("/204/") ? 204 : request.url.startsWith("/304/") ? 304 : 200;
      const seen = `${request.method} ${request.url}`.replace(/[^\x21-\x7e ]/g, "?");
      response.writeHead(status, { "X-Seen": seen, "X-Body": length });
      response.end(status === 200 ? "ok\n" : undefined);
    });
  })
  .listen(Number(process.argv[2]), "127.0.0.1");
