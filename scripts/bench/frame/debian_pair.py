"""A pair of images as devices have them: the same packages of Debian 12 in two versions, as ext4.

The versions are pinned; where the archive no longer has one, it says which, and nothing is measured by another. What
was made is kept in the cache, stamped with the versions. Needs root's apt only for its lists, nothing is installed.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

# package: old version, new version
SMALL = {
    "libssl3": ("3.0.17-1~deb12u2", "3.0.22-1~deb12u2"),
    "openssl": ("3.0.17-1~deb12u2", "3.0.22-1~deb12u2"),
    "libc6": ("2.36-9+deb12u7", "2.36-9+deb12u14"),
    "libexpat1": ("2.5.0-1+deb12u2", "2.5.0-1+deb12u5"),
    "liblzma5": ("5.4.1-1+deb12u1", "5.4.1-1+deb12u2"),
    "dash": ("0.5.12-2", "0.5.12-2"),
}
WHOLE = SMALL | {
    "systemd": ("252.38-1~deb12u1", "252.39-1~deb12u2"),
    "libsystemd0": ("252.38-1~deb12u1", "252.39-1~deb12u2"),
    "libc-bin": ("2.36-9+deb12u7", "2.36-9+deb12u14"),
    "perl-base": ("5.36.0-7+deb12u3", "5.36.0-7+deb12u4"),
    "bash": ("5.2.15-2+b13", "5.2.15-2+b13"),
    "coreutils": ("9.1-1", "9.1-1"),
    "util-linux": ("2.38.1-5+deb12u1", "2.38.1-5+deb12u3"),
    "busybox-static": ("1:1.35.0-4+deb12u1+b1", "1:1.35.0-4+deb12u1+b1"),
    "openssh-server": ("1:9.2p1-2+deb12u7", "1:9.2p1-2+deb12u10"),
    "openssh-client": ("1:9.2p1-2+deb12u7", "1:9.2p1-2+deb12u10"),
    "libcurl4": ("7.88.1-10+deb12u5", "7.88.1-10+deb12u15"),
    "curl": ("7.88.1-10+deb12u5", "7.88.1-10+deb12u15"),
    "libgnutls30": ("3.7.9-2+deb12u7", "3.7.9-2+deb12u7"),
    "libsqlite3-0": ("3.40.1-2+deb12u2", "3.40.1-2+deb12u2"),
    "python3.11-minimal": ("3.11.2-6+deb12u8", "3.11.2-6+deb12u9"),
    "libpython3.11-stdlib": ("3.11.2-6+deb12u8", "3.11.2-6+deb12u9"),
    "mosquitto": ("2.0.11-1.2+deb12u1", "2.0.11-1.2+deb12u2"),
    "sudo": ("1.9.13p3-1+deb12u2", "1.9.13p3-1+deb12u4"),
    "wpasupplicant": ("2:2.10-12+deb12u2", "2:2.10-12+deb12u3"),
    "iproute2": ("6.1.0-3", "6.1.0-3"),
    "libglib2.0-0": ("2.74.6-2+deb12u2", "2.74.6-2+deb12u9"),
    "libxml2": ("2.9.14+dfsg-1.3~deb12u4", "2.9.14+dfsg-1.3~deb12u6"),
    "zlib1g": ("1:1.2.13.dfsg-1", "1:1.2.13.dfsg-1"),
    "udev": ("252.38-1~deb12u1", "252.39-1~deb12u2"),
    "libkrb5-3": ("1.20.1-2+deb12u5", "1.20.1-2+deb12u5"),
    "libgcrypt20": ("1.10.1-3+deb12u1", "1.10.1-3+deb12u1"),
}
UUID = "11111111-2222-3333-4444-555555555555"


def cache():
    return Path(os.environ.get("EDGEKIT_CACHE") or Path.home() / ".cache/edgekit")


def pair(small):
    """(old image, new image, stamp). RuntimeError names what the archive no longer has."""
    packages, size = (SMALL, "32M") if small else (WHOLE, "200M")
    stamp = hashlib.sha256(repr((packages, size)).encode()).hexdigest()[:12]
    folder = cache() / "bench" / f"pair-{stamp}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        for at, side in enumerate(("old", "new")):
            image(folder, side, {name: versions[at] for name, versions in packages.items()}, size)
        (folder / "complete").touch()
    return folder / "old.ext4", folder / "new.ext4", f"{len(packages)} packages of Debian 12, {stamp}"


def image(folder, side, packages, size):
    debs, tree = folder / f"deb-{side}", folder / side
    debs.mkdir(parents=True)
    tree.mkdir()
    for name, version in packages.items():
        p = subprocess.run(["apt-get", "download", "-q", f"{name}={version}"], cwd=debs, capture_output=True, text=True)
        if p.returncode:
            raise RuntimeError(f"the archive has no {name} {version}: the pair cannot be made here")
    for deb in sorted(debs.iterdir()):
        subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)
    out = folder / f"{side}.ext4"
    with out.open("wb") as f:
        f.truncate(int(size[:-1]) << 20)
    subprocess.run(
        ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-O", "^has_journal", "-U", UUID,
         "-E", f"hash_seed={UUID},lazy_itable_init=0", "-d", tree, out],
        check=True, env=dict(os.environ, E2FSPROGS_FAKE_TIME="1700000000"),
    )
    shutil.rmtree(tree)
    shutil.rmtree(debs)
