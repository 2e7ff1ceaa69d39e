"""A machine in QEMU that starts from its disk as a real one does: firmware, boot loader, kernel, first process.

Software emulation, one processor. It may restart as often as it likes; it ends when it turns itself off, when it says
more than it should, or when its time is over. Neighbours: `guest-init` and `guest-drive` run in it, `writes` reads
what was recorded.
"""

import os
import selectors
import subprocess
import sys
import time
from pathlib import Path

from . import parts

CONSOLE_KEPT = 64 << 10
# The console's own words for "clear the screen" and the like would clear ours too.
ESCAPE = "\x1b"


class Stuck(Exception):
    """The machine did not end by itself."""


class Machine:
    """`said`: its reports, (name, value, entries of the log by then). `console`: the end of what it printed."""

    def __init__(self, disk, tools, orders, folder, log=None, watch=False):
        self.folder, self.watch, self.log = Path(folder), watch, log
        self.said, self.console, self.seconds = [], b"", 0.0
        variables, script = self.folder / "variables", self.folder / "orders"
        variables.write_bytes(parts.VARIABLES.read_bytes())
        script.write_bytes((orders + "\n").encode().ljust(4096, b"\n"))
        self.argv = [
            "qemu-system-x86_64", "-machine", "q35,smm=off", "-cpu", "max,la57=off", "-accel", "tcg", "-smp", "1",
            "-m", "256", "-nodefaults", "-no-user-config", "-display", "none",
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={parts.FIRMWARE}",
            "-drive", f"if=pflash,unit=1,format=raw,file={variables}",
        ]
        # Flushes need not reach this machine's own disk: the log has their order, and nobody pulls our plug.
        self.argv += ["-blockdev", f"driver=file,node-name=image,filename={disk},cache.no-flush=on"]
        if log:
            Path(log).write_bytes(b"")
            self.argv += [
                "-blockdev", f"driver=file,node-name=log,filename={log},cache.no-flush=on", "-blockdev",
                "driver=blklogwrites,node-name=disk,file=image,log=log,log-sector-size=512",
            ]
        else:
            self.argv += ["-blockdev", "driver=raw,node-name=disk,file=image"]
        self._device("disk", "discard=off,write-zeroes=off,bootindex=0")
        for name, path in ("tools", tools), ("orders", script):
            self.argv += ["-blockdev", f"driver=file,node-name={name},filename={path},read-only=on"]
            self._device(name, "discard=off")

    def _device(self, node, more):
        self.argv += ["-device", f"virtio-blk-pci,drive={node},{more}"]

    def run(self, limit, boots):
        """Until it turns itself off. More seconds or more starts than this, and it is ended: `Stuck`."""
        ports = [os.pipe() for _ in range(2)]
        argv = list(self.argv)
        for name, (_, end) in zip(("console", "reports"), ports):
            argv += ["-chardev", f"file,id={name},path=/dev/fd/{end}", "-serial", f"chardev:{name}"]
        start = time.monotonic()
        fds = [end for _, end in ports]
        with open(self.folder / "qemu", "wb") as errors:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, pass_fds=fds)
        for end in fds:
            os.close(end)
        try:
            self._listen(ports[0][0], ports[1][0], start + limit, boots)
            if process.wait(timeout=20):
                raise Stuck(f"QEMU ended with {process.returncode}: {(self.folder / 'qemu').read_text()[-300:]}")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for end, _ in ports:
                os.close(end)
            self.seconds = time.monotonic() - start
        return self

    def _listen(self, console, reports, deadline, boots):
        waiting, line = selectors.DefaultSelector(), b""
        waiting.register(console, selectors.EVENT_READ)
        waiting.register(reports, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Stuck("it did not end in time")
            for key, _ in ready:
                got = os.read(key.fd, 65536)
                if not got:
                    waiting.unregister(key.fd)
                elif key.fd == console:
                    self._show(got)
                else:
                    *lines, line = (line + got).split(b"\n")
                    for whole in lines:
                        self._report(whole.decode(errors="replace").strip())
            if b"UEFI Interactive Shell" in self.console:
                raise Stuck("the firmware found nothing to start")
            if self.starts > boots:
                raise Stuck(f"it started {self.starts} times")

    @property
    def starts(self):
        return self.console.count(b"BdsDxe: starting") + self.forgotten

    forgotten = 0

    def _show(self, got):
        self.console += got
        if len(self.console) > CONSOLE_KEPT:
            cut, self.console = self.console[:-CONSOLE_KEPT], self.console[-CONSOLE_KEPT:]
            self.forgotten += cut.count(b"BdsDxe: starting")
        if self.watch:
            sys.stdout.write(got.decode(errors="replace").replace(ESCAPE, "").replace("\r", ""))
            sys.stdout.flush()

    def _report(self, line):
        mark, _, rest = line.partition(" ")
        if mark != "@":
            return  # the firmware's: it writes to every port
        name, _, value = rest.partition(" ")
        written = os.path.getsize(self.log) if self.log else 0
        self.said.append((name, value, written))
        if self.watch:
            print(f">>> {rest}", flush=True)

    def values(self, name):
        return [value for said, value, _ in self.said if said == name]

    def tail(self, lines=25):
        text = self.console.decode(errors="replace").replace(ESCAPE, "").replace("\r", "")
        return "\n".join(line for line in text.splitlines()[-lines:])
