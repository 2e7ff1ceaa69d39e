"""Processes under measurement: started pinned, watched until they say they are ready, ended by their id."""

import os
import select
import signal
import subprocess
import time

READY = b"__BPFTRACE_NOTIFY_PROBES_ATTACHED"


def pin(cpu):
    def apply():
        os.sched_setaffinity(0, {cpu})

    return apply


class Tracer:
    """A tracer that announces on its output that it is attached.

    `announces`: the bytes to wait for; without them, readiness is when `settled` seconds have passed.
    """

    def __init__(self, argv, cpu=None, stdout=subprocess.PIPE, announces=READY, settle=0.0, timeout=20):
        env = dict(os.environ, __BPFTRACE_NOTIFY_PROBES_ATTACHED="1")
        self.started = time.monotonic()
        self.p = subprocess.Popen(
            argv, stdout=stdout, stderr=subprocess.PIPE, env=env, preexec_fn=pin(cpu) if cpu is not None else None
        )
        self.seen = b""
        if announces:
            self._wait_for(announces, timeout)
        else:
            time.sleep(settle)
        self.ready_ms = (time.monotonic() - self.started) * 1e3

    def _wait_for(self, what, timeout):
        pipes = [f for f in (self.p.stdout, self.p.stderr) if f]
        deadline = time.monotonic() + timeout
        while what not in self.seen:
            ready, _, _ = select.select(pipes, [], [], max(0, deadline - time.monotonic()))
            chunks = [os.read(f.fileno(), 65536) for f in ready]
            if not any(chunks):
                self.stop()
                raise RuntimeError(f"{self.p.args[0]} did not attach: {self.seen.decode(errors='replace')[-400:]}")
            self.seen += b"".join(chunks)

    def memory(self):
        """(private dirty, peak resident) in KiB."""
        pid = self.p.pid
        with open(f"/proc/{pid}/smaps_rollup") as f:
            dirty = sum(int(line.split()[1]) for line in f if line.startswith("Private_Dirty"))
        with open(f"/proc/{pid}/status") as f:
            peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
        return dirty, peak

    def stop(self, sig=signal.SIGINT, timeout=15):
        """Ends it; gives what it still said on both outputs."""
        if self.p.poll() is None:
            self.p.send_signal(sig)
        try:
            out, err = self.p.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.p.kill()
            out, err = self.p.communicate()
        return (out or b""), (err or b"")


def version(argv):
    try:
        p = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    except OSError:
        return ""
    return (p.stdout + p.stderr).strip().splitlines()[0] if (p.stdout + p.stderr).strip() else ""
