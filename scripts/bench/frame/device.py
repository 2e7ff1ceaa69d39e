"""A device for the bench of `edgekit ota`: its folders, its slots, and what one run of `apply` took."""

import contextlib
import json
import os
import random
import subprocess
import tempfile
import time
from pathlib import Path


class Device:
    """Two slots of one component; `a` runs and is `old`, or nothing."""

    def __init__(self, binary, folder, key, old=None, b=None):
        Path(folder).mkdir(exist_ok=True)
        self.bin, self.folder, self.key = binary, Path(folder), key
        self.a, self.b = old or self.folder / "a.img", b or self.folder / "b.img"
        if old is None:
            self.a.write_bytes(b"")
        text = f'[component.rootfs]\nkind = "device"\na = "{self.a}"\nb = "{self.b}"\n'
        (self.folder / "ota.toml").write_text(text)
        # /run is memory on a device: what lies there is gone with the power, and is no wear.
        memory = Path("/dev/shm")
        self.run_folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        names = {"CONFIGURATION_DIRECTORY": self.folder, "STATE_DIRECTORY": self.folder,
                 "RUNTIME_DIRECTORY": self.run_folder.name}
        self.environment = {**os.environ, **{name: str(path) for name, path in names.items()}}

    def forget(self):
        """As if nothing had been installed."""
        subprocess.run(["rm", "-rf", self.folder / "ota"], check=True)
        if not self.b.is_block_device():
            self.b.unlink(missing_ok=True)

    def start(self, url, *more):
        words = [self.bin, "ota", "apply", url, "--key", self.key, "--json", *more]
        return subprocess.Popen(words, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, url, *more):
        """One whole run: (what it says, CPU seconds, KiB of memory)."""
        child, memory, ended = self.start(url, *more), 0, 0
        while not ended:
            # Not what wait4 says: that begins with the memory of who started it.
            memory = max(memory, most_resident(child.pid))
            time.sleep(0.005)
            ended, status, used = os.wait4(child.pid, os.WNOHANG)
        out, error = child.stdout.read(), child.stderr.read()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"apply ended with {child.returncode}: {error.strip()[-300:]}")
        return json.loads(out), used.ru_utime + used.ru_stime, memory

    def phases(self, url, *more):
        """Of writing and of reading back: bytes a second, by the last the run says of each."""
        child = self.start(url, "--progress", "json", *more)
        rates = {}
        for line in child.stderr:
            with contextlib.suppress(ValueError, KeyError):
                said = json.loads(line)
                rates[said["doing"].split()[0]] = said["done"] / max(said["seconds"], 0.001)
        if child.wait():
            raise RuntimeError(f"apply ended with {child.returncode}")
        return rates


def most_resident(pid):
    """KiB a process had in memory at most; 0 if it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def written(pid):
    """Bytes a process has made dirty on a disk; None if it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/io").read_text().splitlines():
            if line.startswith("write_bytes:"):
                return int(line.split()[1])
    return None


def noise(path, size, seed=7):
    """A file that cannot be packed, the same each time."""
    chance = random.Random(seed)
    with path.open("wb") as f:
        while size > 0:
            f.write(chance.randbytes(min(size, 1 << 20)))
            size -= 1 << 20


