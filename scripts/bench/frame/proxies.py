"""Proxies under measurement: one worker each, pinned, in front of one origin; CPU from schedstat."""

import os
import re
import socket
import subprocess
import time
from pathlib import Path

from .run import pin

PROXY_CPU, LOAD_CPU = 0, 1
BODY = "0123456789" * 10


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def family(pid):
    """A process and all below it."""
    pids = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            pids += family(int(child))
    return pids


class Server:
    """A server of one worker on one CPU; ended by its process id."""

    def __init__(self, argv, port, cpu=PROXY_CPU, env=None, path="/", secure=None):
        self.port, self.path, self.secure = port, path, secure
        self.started = time.monotonic()
        self.p = subprocess.Popen(
            [str(a) for a in argv], preexec_fn=pin(cpu), env=dict(os.environ, **(env or {})),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        self._first_answer(argv[0])

    def _first_answer(self, name, timeout=20):
        while time.monotonic() - self.started < timeout:
            if self.p.poll() is not None:
                raise RuntimeError(f"{name} ended with {self.p.returncode}")
            try:
                with self.connect(timeout=1) as s:
                    s.sendall(f"GET {self.path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                    if s.recv(64).startswith(b"HTTP/1.1 200"):
                        self.first_answer_ms = (time.monotonic() - self.started) * 1e3
                        return
            except OSError:
                pass
            time.sleep(0.0005)
        raise RuntimeError(f"{name} does not answer")

    def connect(self, timeout=10):
        """A connection; after a handshake where the server wants one."""
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        return self.secure.wrap_socket(s, server_hostname="a.example") if self.secure else s

    def cpu_ns(self):
        tasks = (t for pid in family(self.p.pid) for t in Path(f"/proc/{pid}/task").glob("*/schedstat"))
        return sum(int(t.read_text().split()[0]) for t in tasks)

    def private_dirty(self):
        """KiB, of the whole family."""
        lines = [l for pid in family(self.p.pid) for l in open(f"/proc/{pid}/smaps_rollup")]
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))

    def resident(self, what="VmRSS"):
        """KiB, of the process itself."""
        lines = open(f"/proc/{self.p.pid}/status")
        return next(int(line.split()[1]) for line in lines if line.startswith(what))

    def most_resident(self):
        """The same, since it began."""
        return self.resident("VmHWM")

    def load(self, seconds, connections=32):
        """(CPU us a request, requests) under wrk."""
        before = self.cpu_ns()
        url = f"http{'s' if self.secure else ''}://127.0.0.1:{self.port}{self.path}"
        argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", url]
        said = subprocess.run(argv, capture_output=True, text=True, check=True, preexec_fn=pin(LOAD_CPU)).stdout
        requests = int(re.search(r"(\d+) requests in", said).group(1))
        if failed := re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", said):
            raise RuntimeError(f"wrk on {self.p.args[0]}: {failed.group(0)}")
        return (self.cpu_ns() - before) / requests / 1e3, requests

    def load_http2(self, seconds, body=None):
        """The same under h2load, 32 streams of one connection; a call of gRPC where there is a body."""
        call = ["-d", str(body), "-H", "content-type: application/grpc", "-H", "te: trailers"] if body else []
        argv = ["h2load", "-t1", "-c1", "-m32", "-D", str(seconds), *call, f"http://127.0.0.1:{self.port}{self.path}"]
        before = self.cpu_ns()
        said = subprocess.run(argv, capture_output=True, text=True, check=True, preexec_fn=pin(LOAD_CPU)).stdout
        requests, failed = (int(re.search(rf"(\d+) {word}", said).group(1)) for word in ("2xx", "failed"))
        if failed or not requests:
            raise RuntimeError(f"h2load on {self.p.args[0]}: {failed} failed, {requests} answered")
        return (self.cpu_ns() - before) / requests / 1e3, requests

    def system_calls(self, seconds, connections):
        """System calls a request, by strace on all its threads."""
        argv = ["strace", "-f", "-c", *(x for pid in family(self.p.pid) for x in ("-p", str(pid)))]
        tracer = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        time.sleep(0.5)
        _, requests = self.load(seconds, connections)
        tracer.send_signal(2)
        said = tracer.communicate(timeout=20)[1]
        return int(re.search(r"(\d+)(?:\s+\d+)?\s+total", said).group(1)) / requests

    def stop(self):
        self.p.terminate()
        try:
            self.p.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()


def nginx(folder, name, port, location, more="", cpu=PROXY_CPU, log="off", tls="", secure=None, path="/"):
    place = folder / name
    place.mkdir()
    temporary = " ".join(f"{t}_temp_path {place}/{t};" for t in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (place / "nginx.conf").write_text(
        f"user root; worker_processes 1; daemon off; pid {place}/pid; error_log {place}/error.log;\n"
        f"events {{ worker_connections 4096; }}\n"
        f"http {{ access_log {log}; keepalive_requests 100000000; {temporary} {more}\n"
        f"server {{ listen 127.0.0.1:{port}{' ssl' if tls else ''}; {tls} location / {{ {location} }} }} }}\n"
    )
    return Server(["nginx", "-c", place / "nginx.conf"], port, cpu, path=path, secure=secure)


def nginx_proxy(folder, name, origin, log="off"):
    upstream = f"upstream o {{ server 127.0.0.1:{origin}; keepalive 64; keepalive_requests 100000000; }}"
    location = 'proxy_pass http://o; proxy_http_version 1.1; proxy_set_header Connection "";'
    return nginx(folder, name, free_port(), location, upstream, log=log)


def haproxy(folder, origin, name="haproxy", bind="", more="", secure=None, path="/"):
    port = free_port()
    mode = more or " mode http\n timeout http-keep-alive 60s\n http-reuse always\n"
    (folder / f"{name}.cfg").write_text(
        "global\n nbthread 1\ndefaults\n timeout client 60s\n timeout server 60s\n timeout connect 5s\n"
        f"{mode}listen a\n bind 127.0.0.1:{port} {bind}\n server s 127.0.0.1:{origin}\n"
    )
    return Server(["haproxy", "-f", folder / f"{name}.cfg"], port, path=path, secure=secure)


def envoy(binary, folder, origin, name="envoy", down="", up="", secure=None, http2=False):
    port = free_port()
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    speaks = (
        f'typed_extension_protocol_options: {{ {options}: {{ "@type": type.googleapis.com/{options}, '
        "explicit_http_config: { http2_protocol_options: {} } } }"
    )
    address = lambda p: f"{{ socket_address: {{ address: 127.0.0.1, port_value: {p} }} }}"
    many = "{ max_connections: 100000, max_pending_requests: 100000, max_requests: 100000 }"
    (folder / f"{name}.yaml").write_text(f"""static_resources:
  listeners:
  - address: {address(port)}
    filter_chains:
    - {f"transport_socket: {down}" if down else "name: clear"}
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: a
          route_config:
            virtual_hosts:
            - {{ name: a, domains: ["*"], routes: [{{ match: {{ prefix: "/" }}, route: {{ cluster: o }} }}] }}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: o
    {f"transport_socket: {up}" if up else "connect_timeout: 5s"}
    {speaks if http2 else "lb_policy: ROUND_ROBIN"}
    circuit_breakers: {{ thresholds: [{many}] }}
    load_assignment:
      cluster_name: o
      endpoints: [{{ lb_endpoints: [{{ endpoint: {{ address: {address(origin)} }} }}] }}]
""")
    argv = [binary, "-c", folder / f"{name}.yaml", "--concurrency", "1", "--disable-hot-restart", "-l", "off"]
    return Server(argv, port, secure=secure)


def ours(binary, folder, name, text, env=None, path="/", keys="", cpu=PROXY_CPU, secure=None):
    port = free_port()
    place = folder / name
    place.mkdir()
    (place / "proxy.toml").write_text(
        f'workers = 1\n{keys}[listener.web]\naddress = "127.0.0.1:{port}"\n{text}'.replace("{place}", str(place))
    )
    argv = [binary, "proxy", "run", "--config", place / "proxy.toml"]
    return Server(argv, port, cpu, dict(env or {}, RUNTIME_DIRECTORY=str(place)), path, secure)


def forward(origin):
    return f'[cluster.o]\nendpoints = ["127.0.0.1:{origin}"]\n[route.all]\ncluster = "o"\n'
