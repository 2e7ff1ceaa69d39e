"""The trial of a boot loader: an update that is recorded, cuts of it that are booted, images that must not stay.

Neighbours: `scripts/vm-ota` reads the command line, `loaders` makes the disks, `guest-drive` is the device's own part.
"""

import hashlib
import json
import random
import shutil
import subprocess
import time
from dataclasses import dataclass, field

from frame import rows

from . import disk, slots, writes
from .loaders import IMAGE, LOADERS, place
from .machine import Machine, Stuck
from .parts import ROOT

TRIES = 2
# Version: what its image is like. The first is installed, the second replaces it, the others must not stay.
VERSIONS = {1: "good", 2: "good", 3: "panics", 4: "ails", 5: "does not load"}
SETS = {"app": slots.app, "model": slots.model}  # components below the link, by what makes their images
LIMIT = 240  # seconds for one machine, on a computer that has other work


class World:
    """Disk and bundles for one boot loader, in a folder; those of an earlier run if they are there."""

    def __init__(self, loader, found, folder):
        self.loader, self.folder, self.binary = loader, folder, found.binary
        self.first, self.tools, self.new = folder / "first.img", folder / "tools.img", folder / "system-2"
        if self.tools.exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.edgekit("keygen", folder / "k")
        tools = folder / "tools"
        place(tools / "edgekit", found.binary.read_bytes())
        (tools / "edgekit").chmod(0o755)
        place(tools / "drive", (ROOT / "scripts/boots/guest-drive").read_bytes())
        place(tools / "etc/ota.toml", self.config().encode())
        (tools / "etc/ota").mkdir()
        self.edgekit("keys", "create", tools / "etc/ota/keys.toml", "--key", folder / "k.pub", "--sign-with", folder / "k.key")
        for version, health in loader.versions(VERSIONS):
            image = loader.image(found, version, health, folder / "work").ljust(IMAGE, b"\0")
            (folder / f"system-{version}").write_bytes(image)
            for name, made in SETS.items():
                made(version, folder / f"{name}-{version}")
            if version > 1:
                self.bundle(version, tools)
        self.factory()
        disk.ext(self.tools, 48 * disk.MIB, tools, "ext2", 4096)
        shutil.rmtree(tools)

    def config(self):
        system = "".join(f'{slot} = "{path}"\n' for slot, path in zip("ab", self.loader.places))
        return f"""\
root = "/data/sets"
[component.system]
kind = "device"
{system}
[component.app]
kind = "folder"
[component.model]
kind = "file"
[boot]
{self.loader.config}
tries = {TRIES}
[health]
deadline = "2s"
[health.check.self]
kind = "exec"
command = ["grep", "-q", "good", "/etc/health"]
interval = "500ms"
"""

    def factory(self):
        """The disk of a device that was made with version 1."""
        sets = self.folder / "data/sets"
        for name, made in SETS.items():
            made(1, sets / "a" / name)
        (sets / "current").symlink_to("a")
        self.loader.disk(self.first, (self.folder / "system-1").read_bytes(), self.folder / "data", self.folder / "work")

    def bundle(self, version, tools):
        words = ["--name", "device", "--version", version, "--sign-with", self.folder / "k.key", "--progress", "none"]
        for name in "system", *SETS:
            words += ["--component", f"{name}={self.folder / name}-{version}"]
            if version > 2:
                words += ["--source", f"{name}={self.folder / name}-1"]
        # Where only the loader's answer counts, deltas do: packing a kernel takes seconds.
        words += ["--no-full", "--method", "blocks"] if version > 2 else []
        self.edgekit("bundle", "create", tools / f"{version}.ekb", *words)
        place(tools / f"{version}.ekb.version", f"{version}\n".encode())

    def edgekit(self, *words):
        disk.tool(self.binary, "ota", *words)

    def machine(self, image, want, bundle, log=None, watch=False):
        orders = f"mount -t ext4 -o ro /dev/vdb /tools; want={want} bundle={bundle}.ekb . /tools/drive"
        return Machine(image, self.tools, orders, self.folder, log, watch)


@dataclass
class Outcome:
    what: str
    faults: list = field(default_factory=list)
    seconds: float = 0.0
    came_up: str = "nothing"
    machine: Machine = None

    def expect(self, holds, fault):
        if not holds:
            self.faults.append(fault)

    def line(self):
        word = "ok" if not self.faults else "FAILED: " + "; ".join(self.faults)
        return f"{self.what}: came up as {self.came_up}, {self.seconds:.0f} s: {word}"


def facts(value):
    """`a=b c=d` as a table."""
    return dict(word.split("=", 1) for word in value.split() if "=" in word)


def whole(said):
    """The version that runs, if everything is of that version and of one slot."""
    version = said.get("version", "")
    wanted = {"slot": said.get("slot"), "link": said.get("slot"), "model": f"{version}/{version}300000",
              "app": f"{version}/{version}/{version}200000"}
    return version if version and wanted == {key: said.get(key) for key in wanted} else None


class Trial:
    def __init__(self, args, found, loader, folder):
        self.args, self.loader, self.folder = args, loader, folder / loader.name
        self.image = self.folder / "running.img"
        begun = time.monotonic()
        self.world = World(loader, found, self.folder)
        self.tell(f"a disk and {len(loader.versions(VERSIONS)) - 1} bundles, {time.monotonic() - begun:.0f} s")

    def tell(self, text):
        print(f"{self.loader.name}: {text}", file=self.args.out, flush=True)

    def drive(self, what, image, want, bundle, boots, log=None):
        """Starts a machine from a disk, and checks what holds for each: it came up as one whole thing and ended."""
        outcome = Outcome(what)
        machine = outcome.machine = self.world.machine(image, want, bundle, log, self.args.watch)
        try:
            machine.run(LIMIT, boots)
        except Stuck as why:
            outcome.expect(False, str(why))
        outcome.seconds = machine.seconds
        settled = [whole(facts(value)) for value in machine.values("settled")]
        outcome.expect(settled and all(settled), f"a mixture came up: {machine.values('settled')}" if settled else "nothing came up")
        outcome.came_up = " then ".join(f"version {version}" for version in settled) or "nothing"
        outcome.expect("off" in [name for name, _, _ in machine.said], "it did not turn itself off")
        return outcome

    def ended(self, outcome, *words):
        off = (outcome.machine.values("off") or ["never"])[-1]
        last = [value for value in outcome.machine.values("ota") if "code=0" not in value][-1:]
        outcome.expect(off in words, f"it ended as \"{off}\" and not as {' or '.join(words)}: {''.join(last)}")

    def finish(self, outcome, image=None):
        self.tell(outcome.line())
        if outcome.faults:
            lines = [f"  console: {line}" for line in outcome.machine.tail().splitlines()]
            lines += [f"  said: {name} {value}" for name, value, _ in outcome.machine.said]
            print("\n".join(lines), file=self.args.out, flush=True)
            if image and self.args.keep:
                shutil.copy(image, self.folder / f"{outcome.what.split(',')[0].replace(' ', '-')}.img")
        return not outcome.faults

    def record(self):
        """The update as it should go, with its writes logged; they are what is cut."""
        image, log, note = self.image, self.folder / "writes", self.folder / "recorded.json"
        if note.exists():
            self.log, marks = writes.Log(log), json.loads(note.read_text())
            self.settled, self.switched, self.loaders = marks["settled"], marks["switched"], marks["loader"]
            self.tell(f"the writes in '{log}'")
            return True
        copy(self.world.first, image)
        outcome = self.drive("the update", image, "committed", 2, 4, log)
        self.ended(outcome, "committed")
        outcome.expect(outcome.came_up == "version 1 then version 2 then version 2", "not old, new, new")
        if not self.finish(outcome, image):
            return False
        self.log = writes.Log(log)
        self.tell(f"{len(self.log.entries) - self.log.flushes} writes and {self.log.flushes} flushes recorded")
        # What was said to be done is what a cut may not take back, and what was written between the restart and the
        # first process is the loader's own: its new name for an entry may be torn between two sectors of the folder,
        # and then it goes back by itself.
        places = [(said, sum(entry.data + entry.size <= written for entry in self.log.entries))
                  for said, _, written in outcome.machine.said]
        self.switched = dict(places)["switched"]
        self.settled = next(place for said, place in places if said == "settled")
        starts = [place for said, place in places if said == "started"][1:]
        self.loaders = list(zip([place for said, place in places if said == "restart"], starts))
        note.write_text(json.dumps({"settled": self.settled, "switched": self.switched, "loader": self.loaders}))
        return True

    def must_be_new(self, cut):
        """Whether nothing but the new version may come up after a cut."""
        torn = any(cut.settled < end and cut.place > begin for begin, end in self.loaders)
        return cut.place >= self.switched and not torn

    def look(self, times):
        """Every place, so many cuts each, looked at and not booted: the loader would start a slot, and it is whole."""
        image, begun, faults = self.folder / "looked.img", time.monotonic(), 0
        copy(self.world.first, image)
        images = {hash_of((self.folder / f"system-{version}").read_bytes()): version for version in (1, 2)}
        places = [place for place in range(len(self.log.entries) + 1) for _ in range(times)]
        cuts = [self.log.cut(place, random.Random(f"{self.args.seed} look {n}"), self.args.liar) for n, place in enumerate(places)]
        for cut in self.log.looks(image, cuts):
            slot = self.loader.chosen(image)
            version = slot and images.get(hash_of(self.loader.held(image, slot)))
            if version is None or (version != 2 and self.must_be_new(cut)):
                faults += 1
                self.tell(f"{cut}: the loader would start {f'slot {slot}, version {version}' if slot else 'nothing'}")
        image.unlink()
        self.tell(f"{len(cuts)} cuts looked at, {faults} failed, {time.monotonic() - begun:.0f} s")
        return faults

    def point(self, number):
        """One cut: the disk as it is then, a start, and the update again."""
        chance = random.Random(f"{self.args.seed} {self.loader.name} {number}")
        cut = self.log.cut(chance.randint(0, len(self.log.entries)), chance, self.args.liar)
        image = self.image
        copy(self.world.first, image)
        self.log.replay(cut, image)
        chosen = self.loader.chosen(image)
        further = self.args.whole and number % self.args.whole == 0
        outcome = self.drive(f"point {number}, {cut}", image, "committed" if further else "switched", 2, 5)
        first = outcome.came_up[:9]
        started = [facts(value).get("slot") for value in outcome.machine.values("started")]
        outcome.expect(started[:1] in ([], [chosen]), f"slot {chosen} was to be started by what is on the disk")
        outcome.expect(first == "version 2" or not self.must_be_new(cut), "the new version was to be started, and was not")
        if further:
            self.ended(outcome, "committed")
        else:
            self.ended(outcome, "switched", "trying", "committed")
            held = self.loader.held(image, self.running(outcome))
            outcome.expect(held.startswith(self.world.new.read_bytes()), "the slot of the new version does not hold its image")
        return outcome, image

    def lost(self):
        """What the loader lost of a slot is made anew: the update stops half-way, that is taken away, and it is run
        again to its end. True as well where a loader loses nothing."""
        place = (self.settled + self.switched) // 2
        cut, image = writes.Cut(place, place, []), self.image
        copy(self.world.first, image)
        self.log.replay(cut, image)
        if not self.loader.lose(image, "b"):
            return True
        outcome = self.drive("slot b is lost to the loader", image, "committed", 2, 4)
        self.ended(outcome, "committed")
        outcome.expect(outcome.came_up == "version 1 then version 2 then version 2", "not old, new, new")
        return self.finish(outcome, image)

    @staticmethod
    def running(outcome):
        """The slot that version 2 is in, by what the machine said last."""
        last = facts((outcome.machine.values("settled") or [""])[-1])
        other = {"a": "b", "b": "a"}.get(last.get("slot"), "b")
        return last.get("slot") if last.get("version") == "2" else other

    def broken(self, version):
        """An image that must not stay, and is not taken again: the loader goes back, counting alone, from one whose first
        process dies or whose kernel is none, and edgekit from one whose check does not pass."""
        image = self.image
        copy(self.world.first, image)
        outcome = self.drive(f"version {version}, which {VERSIONS[version]}", image, "committed", version, 3 + TRIES)
        self.ended(outcome, "returned")
        outcome.expect(outcome.came_up.endswith("version 1"), "the old version did not come back")
        outcome.expect(outcome.machine.values("refused"), "it was taken again")
        return self.finish(outcome, image)


def hash_of(body):
    return hashlib.blake2b(body).digest()


def copy(source, target):
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", source, target], check=True)


def run(args, found, folder):
    """Every trial that was asked for; the exit status."""
    begun = time.monotonic()
    good, failed, stayed = 0, 0, 0
    for name in args.loader or LOADERS:
        started, trial = time.monotonic(), Trial(args, found, LOADERS[name], folder)
        if args.point is None and not args.unbroken:
            versions = LOADERS[name].versions(VERSIONS)
            stayed += sum(not trial.broken(version) for version, health in versions if health != "good")
        if args.broken:
            continue
        if not trial.record():
            failed += 1
            continue
        failed += trial.look(args.look) if args.look and args.point is None else 0
        failed += not trial.lost() if args.point is None else 0
        for number in range(args.points) if args.point is None else [args.point]:
            if args.seconds and time.monotonic() - started > args.seconds:
                trial.tell(f"no time for more than {number} points")
                break
            outcome, image = trial.point(number)
            good, failed = (good + 1, failed) if trial.finish(outcome, image) else (good, failed + 1)
    print(f"vm-ota: {good} cuts came up as old or new and converged, {failed} failed, {stayed} broken images stayed, "
          f"{time.monotonic() - begun:.0f} s", file=args.out, flush=True)
    if args.json:
        table = {name: row for name, row in rows.load().items() if name.startswith("8.7")}
        for name, value in zip(("8.7a", "8.7b", "8.7c"), (good, failed, stayed)):
            table[name].add(value)
        rows.report(table, True)
    return 1 if failed or stayed else 0
