"""Servers of other people, as origins that say what they have seen of each request (X-Seen, X-Body).

nginx, HAProxy, Apache and lighttpd come from Debian, Node's http and Go's net/http from where they are, the rest
from PyPI (`scripts/lib/peers.txt`, installed by `scripts/setup bench`).
"""

import hashlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from .proxies import free_port
from .run import version

ROOT = Path(__file__).resolve().parents[3]
HERE = ROOT / "scripts/bench/origins"


def peers_bin():
    """Where `scripts/setup bench` puts programs of PyPI; $EDGEKIT_PEERS names another folder."""
    if folder := os.environ.get("EDGEKIT_PEERS"):
        return Path(folder)
    cache = Path(os.environ.get("EDGEKIT_CACHE", Path.home() / ".cache/edgekit"))
    pinned = hashlib.sha256((ROOT / "scripts/lib/peers.txt").read_bytes()).hexdigest()[:12]
    return cache / "peers" / pinned / "bin"


class Origin:
    """One of them, on a port of its own; ended by its process id."""

    def __init__(self, name, argv, port, folder, env=None):
        self.name, self.port = name, port
        self.log = open(folder / f"{name}.log", "wb")
        self.p = subprocess.Popen([str(a) for a in argv], cwd=folder, stdin=subprocess.DEVNULL, stdout=self.log,
                                  stderr=self.log, env=dict(os.environ, **(env or {})), start_new_session=True)
        for _ in range(400):
            if self.p.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.025)
        self.stop()
        raise RuntimeError(f"{name} does not listen: {(folder / f'{name}.log').read_text(errors='replace')[-300:]}")

    def stop(self):
        # Some have workers: they are of the session that was made for them.
        for signal in (15, 9):
            try:
                os.killpg(self.p.pid, signal)
                self.p.wait(timeout=5)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self.p.wait()
        self.log.close()


def nginx(folder, port):
    temporary = " ".join(f"{t}_temp_path {folder}/{t};" for t in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {temporary} add_header X-Seen \"$request_method $request_uri\" always;\n"
        f"server {{ listen 127.0.0.1:{port}; location /204/ {{ return 204; }} location /304/ {{ return 304; }}\n"
        f"location / {{ return 200 ok; }} }} }}\n"
    )
    return ["nginx", "-c", folder / "nginx.conf"]


def haproxy(folder, port):
    seen = 'hdr X-Seen "%[method] %[url]"'
    (folder / "haproxy.cfg").write_text(
        "global\n nbthread 1\ndefaults\n mode http\n timeout client 60s\n timeout http-keep-alive 60s\n"
        f"frontend a\n bind 127.0.0.1:{port}\n"
        " http-request wait-for-body time 5s at-least 1m if { req.body_size gt 0 } || { req.hdr(transfer-encoding) -m found }\n"
        f" http-request return status 204 {seen} if {{ path_beg /204/ }}\n"
        f" http-request return status 304 {seen} if {{ path_beg /304/ }}\n"
        f" http-request return status 200 {seen} content-type text/plain string ok\n"
    )
    return ["haproxy", "-f", folder / "haproxy.cfg"]


def apache(folder, port):
    modules = Path("/usr/lib/apache2/modules")
    wanted = ("mpm_event", "authz_core", "headers", "rewrite", "mime")
    loads = "\n".join(f"LoadModule {m}_module {modules}/mod_{m}.so" for m in wanted)
    (folder / "html").mkdir()
    (folder / "html/ok").write_text("ok\n")
    (folder / "apache.conf").write_text(
        f"{loads}\nServerName a\nServerRoot {folder}\nPidFile {folder}/apache.pid\nErrorLog {folder}/apache-error.log\n"
        f"Listen 127.0.0.1:{port}\nDocumentRoot {folder}/html\nMaxKeepAliveRequests 0\nTypesConfig /dev/null\n"
        'Header always set X-Seen "expr=%{REQUEST_METHOD} %{REQUEST_URI}"\nRewriteEngine on\n'
        "RewriteRule ^/204/ - [R=204,L]\nRewriteRule ^/304/ - [R=304,L]\nRewriteRule . /ok [L]\n"
        f"<Directory {folder}/html>\nRequire all granted\n</Directory>\n"
    )
    return ["/usr/sbin/apache2", "-d", folder, "-f", folder / "apache.conf", "-D", "FOREGROUND"]


def lighttpd(folder, port):
    (folder / "lighttpd").mkdir()
    shutil.copy(HERE / "app.cgi", folder / "lighttpd/app.cgi")
    (folder / "lighttpd.conf").write_text(
        'server.modules = ("mod_rewrite", "mod_cgi")\nserver.bind = "127.0.0.1"\n'
        f'server.port = {port}\nserver.document-root = "{folder}/lighttpd"\n'
        'url.rewrite-once = ("" => "/app.cgi")\ncgi.assign = (".cgi" => "/bin/sh")\nserver.max-keep-alive-requests = 100000\n'
    )
    return ["/usr/sbin/lighttpd", "-D", "-f", folder / "lighttpd.conf"]


def go(folder, port, tool):
    program = folder / "net-http"
    env = dict(os.environ, GOCACHE=str(folder / "go-cache"), GO111MODULE="off", CGO_ENABLED="0")
    subprocess.run([tool, "build", "-o", program, HERE / "net.go"], check=True, env=env)
    return [program, port]


def everyone(bins, go_tool):
    """{name: (what makes its command line of a folder and a port, how its version is asked)}"""
    python, at = bins / "python", "127.0.0.1"
    app = lambda kind: lambda folder, port: [python, HERE / "app.py", kind, port]
    here = ["--chdir", HERE]
    uvicorn = lambda http: lambda folder, port: [
        bins / "uvicorn", "--app-dir", HERE, "--http", http, "--log-level", "warning", "--host", at, "--port", port,
        "app:asgi"]
    pip = lambda name: [python, "-c", f"import importlib.metadata as m; print(m.version({name!r}))"]
    return {
        "nginx": (nginx, ["nginx", "-v"]),
        "haproxy": (haproxy, ["haproxy", "-v"]),
        "apache": (apache, ["/usr/sbin/apache2", "-v"]),
        "lighttpd": (lighttpd, ["/usr/sbin/lighttpd", "-v"]),
        "node": (lambda folder, port: ["node", HERE / "node.js", port], ["node", "--version"]),
        "net-http": (lambda folder, port: go(folder, port, go_tool), [go_tool or "go", "version"]),
        "gunicorn": (lambda folder, port: [bins / "gunicorn", *here, "-k", "gthread", "--threads", "4", "--keep-alive",
                                           "60", "-b", f"{at}:{port}", "app:wsgi"], pip("gunicorn")),
        "waitress": (lambda folder, port: [python, "-m", "waitress", f"--listen={at}:{port}", "app:wsgi"],
                     pip("waitress")),
        "cheroot": (app("cheroot"), pip("cheroot")),
        "aiohttp": (app("aiohttp"), pip("aiohttp")),
        "tornado": (app("tornado"), pip("tornado")),
        "h11": (uvicorn("h11"), pip("h11")),
        "httptools": (uvicorn("httptools"), pip("httptools")),
        "hypercorn": (lambda folder, port: [bins / "hypercorn", "--keep-alive", "60", "-b", f"{at}:{port}",
                                            "app:asgi"], pip("hypercorn")),
        "granian": (lambda folder, port: [bins / "granian", "--interface", "asgi", "--host", at, "--port", port,
                                          "--http", "1", "--log-level", "error", "app:asgi"], pip("granian")),
    }


def start(name, folder, bins, go_tool):
    """(the origin, its version)"""
    make, ask = everyone(bins, go_tool)[name]
    if name == "net-http" and not go_tool:
        raise RuntimeError("needs Go: --go FILE")
    folder.mkdir()
    port = free_port()
    env = {"PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        return Origin(name, make(folder, port), port, folder, env), version([str(word) for word in ask])
    except (OSError, subprocess.SubprocessError) as error:
        raise RuntimeError(f"{name}: {error}") from error
