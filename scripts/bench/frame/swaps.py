"""Row 2.5: certificates replaced under handshakes, as the test of the tls crate counts them.

    python3 scripts/bench/frame/swaps.py FILE

FILE is the crate's test program, `cargo test --release -p edgekit-tls --test tls --no-run`. Prints one JSON object:
full handshakes made and failed, handshakes that showed a certificate nobody published (a mismatched pair fails its
handshake: the signature is wrong), pairs replaced (a third each by rename, symbolic link and in-place write) and
served, replacements never served, different certificates clients saw.
"""

import json
import subprocess
import sys

TEST = "row_2_5"


def measure(binary):
    argv = [binary, "--ignored", "--exact", "--nocapture", TEST]
    ran = subprocess.run(argv, capture_output=True, text=True)
    figures = [line for line in ran.stdout.splitlines() if line.startswith("{")]
    if not figures:
        raise RuntimeError(f"{binary} {TEST} counted nothing: {ran.stderr.strip()}")
    return json.loads(figures[0])


def is_enough(figures):
    """True if as much happened as the row says."""
    return figures["handshakes"] >= 100_000 and figures["swaps"] == 1000


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(json.dumps(measure(sys.argv[1])))
