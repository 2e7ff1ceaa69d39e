"""Rows 2.4 and 2.6: a daemon on rt::Host, measured from outside.

    python3 scripts/bench/frame/service.py FILE [--rounds N] [--idle SECONDS]

FILE is the test service, `cargo build --example service`. Prints one JSON object. Figures: what is left after a
service panicked and returned and after 1,000 reloads (descriptors, threads, resident KiB, sockets after the drain);
milliseconds from exec to READY; private dirty KiB and voluntary context switches a second of a Host with one idle
service.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

RELOADS = 1000
WARM = 100


class Service:
    """The test service in a directory of its own, ended by its id."""

    def __init__(self, binary, arguments, files=()):
        self.tmp = tempfile.TemporaryDirectory(prefix="edgekit-service-")
        self.dir = Path(self.tmp.name)
        for name in files:
            (self.dir / name).write_text("begin")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(self.dir / "notify"))
        notify.settimeout(10)
        env = dict(
            os.environ, RUNTIME_DIRECTORY=str(self.dir), STATE_DIRECTORY=str(self.dir / "state"),
            NOTIFY_SOCKET=str(self.dir / "notify"),
        )
        argv = [binary, *(a.replace("{}", str(self.dir)) for a in arguments)]
        started = time.monotonic()
        self.p = subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL)
        try:
            told = notify.recv(512)
        except TimeoutError:
            self.p.kill()
            raise RuntimeError(f"{binary} does not become ready")
        self.ready_ms = (time.monotonic() - started) * 1e3
        assert told.startswith(b"READY=1"), told

    def ask(self, method, path):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.dir / "service.sock"))
            s.sendall(f"{method} {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            return json.loads(b"".join(iter(lambda: s.recv(65536), b"")).split(b"\r\n\r\n", 1)[1])

    def proc(self, what):
        return Path(f"/proc/{self.p.pid}/{what}")

    def counts(self):
        time.sleep(0.05)  # a connection that was just answered is closed a moment later
        status = dict(line.split(":", 1) for line in self.proc("status").read_text().splitlines())
        return {
            "descriptors": len(list(self.proc("fd").iterdir())),
            "threads": len(list(self.proc("task").iterdir())),
            "resident_kib": int(status["VmRSS"].split()[0]),
        }

    def private_dirty(self):
        lines = self.proc("smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty"))

    def switches(self):
        """Times each thread has woken up."""
        text = {t.parent.name: t.read_text() for t in self.proc("task").glob("*/status")}
        own = {t: [line for line in status.splitlines() if line.startswith("voluntary")] for t, status in text.items()}
        return {t: int(lines[0].split()[1]) for t, lines in own.items()}

    def panic(self, restarts):
        (self.dir / "one.txt").write_text("panic")
        self.ask("POST", "/reload/one")
        (self.dir / "one.txt").write_text("well again")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            one = next(s for s in self.ask("GET", "/status")["services"] if s["name"] == "one")
            if one["state"] == "running" and one["restarts"] == restarts:
                return
            time.sleep(0.01)
        raise RuntimeError("the service did not return")

    def reload(self, times):
        for number in range(times):
            (self.dir / "one.txt").write_text(str(number))
            answer = self.ask("POST", "/reload")
            assert all(s["verdict"] == "applied" for s in answer["services"]), answer

    def stop(self):
        """Drains it; gives the sockets that are left."""
        self.p.terminate()
        code = self.p.wait(timeout=15)
        left = [f.name for f in self.dir.iterdir() if ".sock" in f.name]
        self.tmp.cleanup()
        if code != 0:
            raise RuntimeError(f"the drain ended with {code}")
        return left


def leftovers(binary):
    """Row 2.4: how much more there is of each than before, over one panic and 1,000 reloads."""
    echoes = [x for n in ("one", "two") for x in ("--echo", f"{n}=127.0.0.1:0,{{}}/{n}.txt")]
    service = Service(binary, echoes, ("one.txt", "two.txt"))
    # What is made on first use is no leftover: everything happens once before it is counted.
    service.panic(1)
    service.reload(WARM)
    time.sleep(1.5)  # a thread that only the start needed would hide one that is left
    before = service.counts()
    service.panic(2)
    service.reload(RELOADS)
    after = service.counts()
    return {**{k: after[k] - before[k] for k in after}, "sockets": len(service.stop())}


def idle(binary, rounds, seconds):
    """Row 2.6: a Host with one idle service."""
    os.sync()  # a page of the file that is still to be written back would count as dirty memory of ours
    ready = []
    for _ in range(rounds):
        service = Service(binary, ["--idle", "idle"])
        ready.append(service.ready_ms)
        service.stop()
    service = Service(binary, ["--idle", "idle"])
    time.sleep(2)  # what the start needed has ended by then
    dirty, before = service.private_dirty(), service.switches()
    time.sleep(seconds)
    switches = sum(count - before.get(thread, 0) for thread, count in service.switches().items())
    service.stop()
    return {
        "ready_ms": statistics.median(ready),
        "private_dirty_kib": dirty,
        "wakeups_per_second": switches / seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", metavar="FILE")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--idle", type=float, default=10.0, metavar="SECONDS")
    args = parser.parse_args()
    print(json.dumps({"2.4": leftovers(args.binary), "2.6": idle(args.binary, args.rounds, args.idle)}))


if __name__ == "__main__":
    main()
