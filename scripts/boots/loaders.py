"""The two boot loaders: where they keep a slot, and how a device with slot a installed looks on its first day.

Both disks have the same four partitions, so that the guest need not know which loader started it. Neighbours: `slots`
makes the images, `disk` writes them down.
"""

import re
import shutil
from pathlib import Path

from . import disk, parts, slots
from .disk import ESP, LINUX, MIB, Partition

IMAGE = 20 * MIB  # a slot's
DATA = 16 * MIB
NAME = re.compile(r"edgekit-(?P<number>\d+)-(?P<slot>[ab])(\+(?P<left>\d+)(-\d+)?)?\.conf")
OPTIONS = "console=ttyS0 quiet panic=-1"


class Loader:
    """`config` is the [boot] section of ota.toml, `places` the two slots of the component "system"."""

    name: str
    config: str
    places: tuple
    esp_size: int
    slot_size: int
    passes_over = False

    def versions(self, versions):
        """Those it can meet, with what they are like: systemd-boot waits for a key where a kernel does not load."""
        return [(version, like) for version, like in versions.items() if like != "does not load" or self.passes_over]

    def image(self, found, version, health, work):
        """The bytes that are installed into a slot."""
        raise NotImplementedError

    def esp(self, tree, image):
        """Fills the folder that becomes the first partition."""
        raise NotImplementedError

    def held(self, path, slot):
        """The bytes in a slot of a disk."""
        raise NotImplementedError

    def chosen(self, path):
        """The slot that the loader of a disk would start now, or none."""
        raise NotImplementedError

    def lose(self, path, slot):
        """Takes away from a disk what the loader may lose of a slot as it counts; false if that is nothing."""
        return False

    def disk(self, path, image, data, work):
        """The whole disk: the first slot holds an image, and the data partition a folder's files."""
        tree = work / "esp"
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir(parents=True)
        self.esp(tree, image)
        disk.fat(work / "esp.img", self.esp_size, tree, "ESP")
        disk.ext(work / "data.img", DATA, data, "ext4", 1024)
        (work / "slot.img").write_bytes(image)
        held = work / "slot.img" if self.slot_size >= IMAGE else None
        disk.write(path, [
            Partition("esp", ESP, self.esp_size, work / "esp.img"),
            Partition("data", LINUX, DATA, work / "data.img"),
            Partition("slot-a", LINUX, self.slot_size, held),
            Partition("slot-b", LINUX, self.slot_size),
        ])


class SystemdBoot(Loader):
    """Slots are two image files on the boot partition, each a kernel that the firmware starts; names count."""

    name = "systemd-boot"
    config = 'kind = "systemd-boot"\nplace = "/boot"'
    places = ("/boot/edgekit/a.efi", "/boot/edgekit/b.efi")
    esp_size, slot_size = 48 * MIB, MIB

    def image(self, found, version, health, work):
        return slots.unified(slots.initramfs(found, version, health), found.kernel, version, work)

    def esp(self, tree, image):
        place(tree / "EFI/BOOT/BOOTX64.EFI", parts.SYSTEMD_BOOT.read_bytes())
        place(tree / "loader/loader.conf", b"timeout 0\n")
        for slot, held in ("a", image), ("b", b""):
            place(tree / f"edgekit/{slot}.efi", held.ljust(IMAGE, b"\0"))
        # Of somebody else. With one more, names of ours would lie across two sectors of the folder: then a cut within
        # systemd-boot's own counting can leave an entry without its long name, which it does not start again, and the
        # device goes back by itself. What comes after that is tried by `lose`.
        place(tree / "loader/entries/custom.conf", b"title not ours\nefi /EFI/none.efi\n")
        # The higher number is wanted; a slot with nothing in it is out of sight.
        place(tree / "loader/entries/edgekit-2-a.conf", self.entry("a"))
        place(tree / "loader/entries/edgekit-1-b.conf.off", self.entry("b"))

    def held(self, path, slot):
        return disk.fat_file(path, MIB, f"edgekit/{slot}.efi")

    def chosen(self, path):
        """By the names, the highest first, those without tries last: systemd, src/boot/efi/boot.c. An entry that is
        not whole is none."""
        names = (NAME.fullmatch(name) for name in disk.fat_list(path, MIB, "loader/entries"))
        for name in sorted(filter(None, names), key=lambda name: (name["left"] != "0", int(name["number"])), reverse=True):
            if disk.fat_file(path, MIB, f"loader/entries/{name[0]}") == self.entry(name["slot"]):
                return name["slot"]
        return None

    def lose(self, path, slot):
        disk.fat_remove(path, MIB, f"loader/entries/edgekit-*-{slot}*")
        return True

    @staticmethod
    def entry(slot):
        return f"title {slot}\nefi /edgekit/{slot}.efi\noptions {OPTIONS} edgekit.slot={slot}\n".encode()


class Grub(Loader):
    """Slots are two partitions with kernel and initramfs, GRUB counts in its environment block."""

    name = "grub"
    passes_over = True
    config = 'kind = "grub"\nplace = "/boot/grub/grubenv"'
    places = ("/dev/vda3", "/dev/vda4")
    esp_size, slot_size = 8 * MIB, IMAGE
    modules = ("part_gpt", "fat", "ext2", "normal", "linux", "loadenv", "test", "configfile", "eval", "reboot")

    def image(self, found, version, health, work):
        shutil.rmtree(work, ignore_errors=True)
        tree = work / "tree"
        place(tree / "linux", b"no kernel" if health == "does not load" else found.kernel.read_bytes())
        place(tree / "initrd", slots.initramfs(found, version, health))
        disk.ext(work / "image", IMAGE, tree, "ext2", 4096)
        return (work / "image").read_bytes()

    def esp(self, tree, image):
        place(tree / "grub/grub.cfg", self.script().encode())
        environment = tree / "grub/grubenv"
        disk.tool("grub-editenv", environment, "create")
        disk.tool("grub-editenv", environment, "set", "ORDER=a b", "a_OK=1", "a_LEFT=0", "b_OK=0", "b_LEFT=0")
        early = tree.parent / "early.cfg"
        early.write_text("set prefix=($root)/grub\nconfigfile ($root)/grub/grub.cfg\n")
        (tree / "EFI/BOOT").mkdir(parents=True)
        argv = ["grub-mkimage", "-d", parts.GRUB, "-O", "x86_64-efi", "-p", "/grub", "-c", early]
        disk.tool(*argv, "-o", tree / "EFI/BOOT/BOOTX64.EFI", *self.modules)

    def held(self, path, slot):
        before = MIB + self.esp_size + DATA + self.slot_size * "ab".index(slot)
        with open(path, "rb") as image:
            image.seek(before)
            return image.read(self.slot_size)

    def chosen(self, path):
        """As the script below does it."""
        lines = disk.fat_file(path, MIB, "grub/grubenv").decode(errors="replace").splitlines()
        table = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
        for slot in table.get("ORDER", "").split():
            if table.get(f"{slot}_OK") == "1" or table.get(f"{slot}_LEFT", "0") in "123456789":
                return slot
        return (table.get("ORDER", "").split() or ["a"])[0]

    @staticmethod
    def script():
        """The fragment that edgekit-boot(7) gives, and what it starts here."""
        page = (parts.ROOT / "man/edgekit-boot.7").read_text()
        fragment = page.split("The fragment of\n.BR edgekit", 1)[1].split(".nf\n", 1)[1].split(".fi\n", 1)[0]
        chooses = fragment.split("linux ", 1)[0].rsplit("\n", 2)[0].replace("\\-", "-")
        return f"""\
{chooses}
if [ "$slot" = a ]; then set part=gpt3; else set part=gpt4; fi
set gfxpayload=text
linux (hd0,$part)/linux {OPTIONS} edgekit.slot=$slot
initrd (hd0,$part)/initrd
boot
reboot
"""


LOADERS = {loader.name: loader for loader in (SystemdBoot(), Grub())}


def place(path, body):
    path.parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(body)
