"""U-Boot's turns with edgekit: which slot it starts by what edgekit wrote, and what edgekit says of what it saved.

U-Boot is the real one; edgekit runs on this machine, in mounts of its own where the kernel's command line is the one
that U-Boot gave. Neighbours: `board` is the machine, `scripts/vm-uboot` reads the command line.
"""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from . import board, disk
from .parts import ROOT, Missing, fetched
from .slots import put

NEEDED = {
    "qemu-system-aarch64": "qemu-system-arm", "mkimage": "u-boot-tools", "mkfs.vfat": "dosfstools", "mcopy": "mtools",
    "mke2fs": "e2fsprogs", "dpkg": "dpkg", "unshare": "util-linux",
}
LIMIT = 60  # seconds for one start, on a computer that has other work
TRIES = 2
NOTE = "kept by both"
SOURCED = "echo ${note}; load virtio 0:1 ${scriptaddr} boot.scr; source ${scriptaddr}"
STARTS = re.compile(rb"Kernel command line: .*edgekit\.slot=([ab])\b")


class Wrong(Exception):
    """What did not hold."""


class Parts:
    def __init__(self, binary, firmware):
        os.environ["PATH"] += ":/usr/sbin:/sbin"
        if lacking := sorted({package for tool, package in NEEDED.items() if not shutil.which(tool)}):
            raise Missing(f"not on this machine: {', '.join(lacking)} (Debian's names; scripts/setup test installs them)")
        self.binary = Path(binary).resolve()
        if not self.binary.exists():
            raise Missing(f"no edgekit at '{binary}'; make it with scripts/build")
        self.unshare = ["unshare", "--mount", "--propagation", "private"]
        self.unshare += [] if os.getuid() == 0 else ["--map-root-user"]
        if subprocess.run([*self.unshare, "true"], capture_output=True).returncode:
            raise Missing("mounts of one's own are for root, or for users that may have namespaces")
        self.firmware = firmware or Path(fetched("guest_uboot"))
        self.kernel = Path(fetched("guest_kernel aarch64 6.1"))


class World:
    """What all devices have: a disk with two slots, an environment as their maker leaves it, bundles."""

    def __init__(self, found, store, copies, folder, watch):
        self.found, self.store, self.copies, self.folder, self.watch = found, board.STORES[store], copies, folder, watch
        self.disk, self.starts = folder / "disk.img", 0
        esp, slot = folder / "esp", folder / "slot"
        esp.mkdir(parents=True)
        (slot / "boot").mkdir(parents=True)
        # For this board's disk.
        script = page().replace("mmc 0:", "virtio 0:").replace("/dev/mmcblk0p", "/dev/vda")
        script = script.replace("  saveenv\n", f"  {self.store.save}\n")
        (folder / "script").write_text(script)
        disk.tool("mkimage", "-A", "arm64", "-T", "script", "-C", "none", "-d", folder / "script", esp / "boot.scr")
        factory = {
            "bootcmd": SOURCED, "bootdelay": "0", "bootargs": "earlycon", "fdt_addr_r": "0x48000000", "note": NOTE,
            "edgekit": re.sub(r"([\\\n])", r"\\\1", script),  # as `env import -t` takes lines
        } | self.store.variables
        (esp / "factory").write_text("".join(f"{name}={value}\n" for name, value in factory.items()))
        shutil.copy(found.kernel, slot / "boot/Image")
        board.tree(slot / "boot/board.dtb")
        disk.fat(folder / "esp.img", 8 * disk.MIB, esp, "BOOT")
        disk.ext(folder / "slot.img", 48 * disk.MIB, slot, "ext4", 4096)
        self.parts = [disk.Partition("esp", disk.ESP, 8 * disk.MIB, folder / "esp.img")]
        self.parts += [disk.Partition(name, disk.LINUX, 48 * disk.MIB, folder / "slot.img") for name in "ab"]
        self.parts.append(disk.Partition("env", disk.LINUX, disk.MIB))
        disk.write(self.disk, self.parts)
        self.edgekit("keygen", folder / "k")
        for version in (2, 3):
            put(folder / "app", b"%d" % version)
            words = ["--name", "gw", "--version", version, "--component", f"app={folder / 'app'}"]
            words += ["--sign-with", folder / "k.key", "--progress", "none"]
            self.edgekit("bundle", "create", folder / f"{version}.ekb", *words)
        self.factory = Device(self, "factory")
        self.factory.made()

    def edgekit(self, *words):
        disk.tool(self.found.binary, "ota", *words)

    def device(self, name):
        """One that was just made."""
        device = Device(self, name)
        for copy in range(self.copies):
            device.store.write(copy, self.factory.store.read(copy))
        return device


def page():
    """The script that edgekit-boot(7) gives."""
    text = (ROOT / "man/edgekit-boot.7").read_text()
    script = text.split("The script of\n.BR edgekit", 1)[1].split(".nf\n", 1)[1].split(".fi\n", 1)[0]
    return script.replace("\\-", "-").replace("\\e", "\\")


class Device:
    def __init__(self, world, name):
        self.world, self.folder, self.slot = world, world.folder / name, "a"
        self.folder.mkdir()
        self.image = self.folder / "disk.img"
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", world.disk, self.image], check=True)
        self.store = world.store(self.folder, self.image, world.copies)
        (self.folder / "fw_env.config").write_text("".join(f"{line}\n" for line in self.store.lines()))
        put(self.folder / "sets/a/app", b"1")
        (self.folder / "sets/current").symlink_to("a")
        (self.folder / "ota.toml").write_text(f"""\
root = "{self.folder}/sets"
[component.app]
kind = "file"
[boot]
kind = "uboot"
place = "{self.folder}/fw_env.config"
tries = {TRIES}
single = {str(world.copies == 1).lower()}
""")

    def console(self):
        self.store.hand()
        self.world.starts += 1
        return board.console(self.world.found.firmware, self.image, LIMIT, self.world.watch)

    def made(self, *more):
        """U-Boot finds no environment, and is given one at its prompt."""
        for copy in range(self.world.copies):
            self.store.write(copy, b"\xff" * board.SIZE)
        lines = ["load virtio 0:1 ${kernel_addr_r} factory", "env import -t ${kernel_addr_r} ${filesize}", *more]
        with self.console() as console:
            # The second saving fills the other copy, where there is one.
            self.prompt(console, *lines, f"{self.store.save} && {self.store.save} && echo made")
            console.until(re.compile(rb"^made$", re.M))
        self.store.fetch()

    @staticmethod
    def prompt(console, *lines):
        """Types lines at U-Boot's prompt; all but the last come back to it."""
        at = console.until(board.STOPS, console.asked).end()
        console.type(" ")
        for line in lines:
            at = console.until(board.PROMPT, at).end()
            console.type(f"{line}\n")
        console.asked = at

    def starts_as(self, slot, after=1):
        """U-Boot starts a kernel, of that slot, after so many starts of its own."""
        with self.console() as console:
            for _ in range(after if self.store.load else 0):
                self.prompt(console, self.store.load)
            self.slot = console.until(STARTS)[1].decode()
            starts = len(board.BANNER.findall(console.said))
        self.store.fetch()
        if (self.slot, starts) != (slot, after):
            raise Wrong(f"slot {self.slot} was started after {starts}, and not {slot} after {after}")
        return console.said.decode(errors="replace")

    def edgekit(self, *words, code=0):
        """edgekit on the device, in the slot that runs."""
        line = self.folder / "cmdline"
        line.write_text(f"earlycon edgekit.slot={self.slot}\n")
        run = f"mount --bind '{line}' /proc/cmdline; exec \"$@\""
        argv = [*self.world.found.unshare, "sh", "-euc", run, "sh", self.world.found.binary, "ota"]
        done = subprocess.run(
            [*map(str, argv), *words, "--config", str(self.folder / "ota.toml")], capture_output=True, text=True,
            env=dict(os.environ, STATE_DIRECTORY=str(self.folder / "state"), CONFIGURATION_DIRECTORY=str(self.folder)),
        )
        if done.returncode != code:
            raise Wrong(f"'{' '.join(words)}' ended with {done.returncode} and not {code}: {done.stderr.strip()[-400:]}")
        return done.stdout + done.stderr

    def apply(self, version):
        bundle = self.world.folder / f"{version}.ekb"
        self.edgekit("apply", str(bundle), "--key", str(self.world.folder / "k.pub"), "--progress", "none")

    def says(self, slot, tries=None, stage=None):
        """`status`: what is started next, how often, and how far the update is."""
        said = json.loads(self.edgekit("status", "--json"))
        found = said["next"], said["tries_left"], (said["deployment"] or {}).get("stage")
        if found != (slot, tries, stage):
            raise Wrong(f"status says {found} and not {(slot, tries, stage)}")

    def tear(self, copy):
        """A copy as a power cut leaves it: its first part is new, and the rest is not."""
        body = self.store.read(copy)
        self.store.write(copy, body[:16] + bytes([body[16] ^ 1]) + body[17:])


def fresh(device):
    device.says("a")
    device.starts_as("a")
    device.says("a")


def committed(device):
    device.apply(2)
    device.says("b", TRIES, "trying")
    said = device.starts_as("b")
    device.says("b", TRIES - 1, "trying")
    if "root=/dev/vda3" not in said:
        raise Wrong("the kernel of slot b was not given its root")
    device.edgekit("commit")
    device.starts_as("b")
    device.says("b", None, "committed")
    device.edgekit("rollback")
    device.starts_as("a")
    device.edgekit("settle")
    device.says("a", None, "returned")


def last_try(device):
    """Committed when no try is left."""
    device.apply(2)
    for _ in range(TRIES):
        device.starts_as("b")
    device.says("a", None, "trying")
    device.edgekit("commit")
    device.says("b", None, "committed")
    device.starts_as("b")


def never_committed(device):
    device.apply(2)
    for _ in range(TRIES):
        device.starts_as("b")
    device.starts_as("a")
    device.edgekit("settle")
    device.says("a", None, "returned")
    device.starts_as("a")


def without_kernel(device):
    """Slot b holds nothing that loads: U-Boot alone uses up its tries."""
    with open(device.image, "r+b") as image:
        image.seek(device.world.parts[2].start)
        image.write(bytes(disk.MIB))
    device.apply(2)
    device.starts_as("a", after=TRIES + 1)
    device.edgekit("settle")
    device.says("a", None, "returned")


def both_bad(device):
    """With nothing to go back to, the slot that was put first is started, and edgekit says so."""
    device.apply(2)
    device.starts_as("b")
    device.edgekit("mark-bad", "a")
    device.says("b", TRIES - 1, "trying")
    device.starts_as("b")
    device.starts_as("b")
    device.says("b", None, "trying")


def in_turns(device):
    """Each writes between two writes of the other, and keeps what is not its own; tries are hexadecimal."""
    toml = device.folder / "ota.toml"
    toml.write_text(toml.read_text().replace(f"tries = {TRIES}", "tries = 11"))
    device.apply(2)
    for left in (10, 9):
        device.starts_as("b")
        device.says("b", left, "trying")
    device.edgekit("rollback")
    device.starts_as("a")
    device.edgekit("settle")
    device.apply(3)
    said = device.starts_as("b")
    device.says("b", 10, "trying")
    if NOTE not in said:
        raise Wrong("a variable that is neither's own was lost")


def as_variable(device):
    """The script is a variable, and `bootcmd` runs it."""
    device.made("setenv bootcmd run edgekit")
    device.apply(2)
    for _ in range(TRIES):
        device.starts_as("b")
    device.starts_as("a")


def torn(device):
    """One copy is refused for its checksum; of two the other one counts, for both alike."""
    device.apply(2)
    whole = [device.store.read(copy) for copy in range(device.world.copies)]
    found = set()
    for copy in range(device.world.copies):
        for at, body in enumerate(whole):
            device.store.write(at, body)
        device.slot = "a"
        device.tear(copy)
        if device.world.copies == 1:
            if "holds no whole environment" not in device.edgekit("status", code=65):
                raise Wrong("edgekit does not say what is wrong")
            device.made()
            device.says("a", None, "trying")
            return
        slot = json.loads(device.edgekit("status", "--json"))["next"]
        found.add(slot)
        device.starts_as(slot)
        if slot == "b":
            device.says("b", TRIES - 1, "trying")
    if found != {"a", "b"}:
        raise Wrong(f"of two copies, one older than the other, both chose {found}")


CASES = {case.__name__.replace("_", "-"): case for case in (
    fresh, committed, last_try, never_committed, without_kernel, both_bad, in_turns, as_variable, torn)}


def run(args, found, folder):
    """The cases that were asked for; the exit status."""
    begun, failed = time.monotonic(), 0
    try:
        world = World(found, args.store, args.copies, folder / f"{args.store}-{args.copies}", args.watch)
    except (board.Silent, Wrong) as why:
        print(f"U-Boot could not be given an environment: {why}\n{getattr(why, 'tail', '')}")
        return 1
    names = args.case or list(CASES)
    for name in names:
        started, fault = time.monotonic(), None
        try:
            CASES[name](world.device(name))
        except (board.Silent, Wrong) as why:
            fault, failed = why, failed + 1
        print(f"{name}: {time.monotonic() - started:.1f} s: {f'FAILED: {fault}' if fault else 'ok'}", flush=True)
        if hasattr(fault, "tail"):
            print("\n".join(f"  console: {line}" for line in fault.tail.splitlines()))
    print(f"vm-uboot: {args.copies} copies in {args.store}, {len(names)} cases, {world.starts} starts, {failed} failed, "
          f"{time.monotonic() - begun:.0f} s")
    return 1 if failed else 0
