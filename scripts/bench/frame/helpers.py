"""What benches measure beside the shipped file, built as it is: static, for this machine, the same profile."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PREPARE = """
. scripts/lib/common.sh
. scripts/lib/debian.sh
. scripts/lib/toolchain.sh
scripts/setup build >&2
pick_toolchain
"""
EXAMPLES = PREPARE + r"""
arch=$(host_arch)
crate=$1
shift
words=()
for example in "$@"; do words+=(--example "$example"); done
static_cargo "$ROOT" "$arch" release -p "$crate" "${words[@]}" >&2
echo "$(static_target_dir)/$(triple "$arch")/release/examples"
"""
UNSTRIPPED = PREPARE + r"""
CARGO_PROFILE_RELEASE_STRIP=none static_cargo "$ROOT" x86_64 release -p edgekit >&2
echo "$(static_target_dir)/$(triple x86_64)/release/edgekit"
"""


def shell(text, *words):
    """The last line that a piece of shell prints."""
    argv = ["bash", "-euo", "pipefail", "-c", text, "bench", *words]
    out = subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Path(out.strip().splitlines()[-1])


def build(crate, examples):
    """The folder that holds a crate's examples."""
    return shell(EXAMPLES, crate, *examples)


def unstripped():
    """The shipped file of x86_64 with its symbols."""
    return shell(UNSTRIPPED)
