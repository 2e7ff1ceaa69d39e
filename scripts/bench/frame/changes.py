"""Row 5.10: certificates, configuration and the process itself replaced under load, as the end-to-end tests count it.

    python3 scripts/bench/frame/changes.py TEST FILE [--quick]

TEST is the end-to-end test program (`cargo test -p edgekit --test e2e --no-run`), FILE the edgekit under test. Prints
one JSON object: what the load did (tests/proxy/load.rs: 2,000 requests/s on kept connections, 100 new TLS connections/s,
20 WebSockets, 10 streams of HTTP/2), what failed of it, rotations that were served, reloads and upgrades that were
made, memory and descriptors of the process that serves, early and late.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TEST = "proxy::change::row_5_10"
WHOLE = {"ROTATIONS": 1000, "RELOADS": 1000, "UPGRADES": 100}
SHORT = {"ROTATIONS": 100, "RELOADS": 100, "UPGRADES": 10}
# What the load must have come to a second for its failures to mean anything.
LEAST = {"requests": 1900, "handshakes": 95, "streams": 180, "pings": 60}


def program():
    """The end-to-end test program, built as tests are."""
    argv = ["cargo", "test", "-p", "edgekit", "--test", "e2e", "--no-run", "--message-format=json"]
    ran = subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    built = (json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{"))
    found = [b["executable"] for b in built if b.get("executable") and b["target"]["name"] == "e2e"]
    if not found:
        raise RuntimeError("cargo built no end-to-end tests")
    return found[-1]


def measure(test, binary, quick=False):
    wanted = {name: str(count) for name, count in (SHORT if quick else WHOLE).items()}
    env = dict(os.environ, EDGEKIT_BIN=str(Path(binary).resolve()), **wanted)
    argv = [test, "--ignored", "--exact", "--nocapture", TEST]
    ran = subprocess.run(argv, capture_output=True, text=True, env=env, cwd=ROOT)
    figures = [line for line in ran.stdout.splitlines() if line.startswith("{")]
    if ran.returncode or not figures:
        raise RuntimeError(f"{TEST} counted nothing: {(ran.stderr or ran.stdout).strip()[-2000:]}")
    return json.loads(figures[0])


def failures(figures, quick=False):
    """(how much failed, why): what was not done counts, and so does a load that was none."""
    wanted = SHORT if quick else WHOLE
    why = list(figures["why"])
    failed = figures["failed"]
    for key, count in (("served", "ROTATIONS"), ("reloads", "RELOADS"), ("upgrades", "UPGRADES")):
        missing = wanted[count] - figures[key]
        failed += missing
        why += [f"{missing} of {wanted[count]} not {key}"] if missing else []
    for key, least in LEAST.items():
        rate = figures[key] / figures["seconds"]
        if rate < least:
            failed += 1
            why.append(f"the load was {rate:.0f} {key}/s, less than {least}")
    return failed, "; ".join(why)


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--quick"]
    if len(words) != 2:
        sys.exit(__doc__)
    print(json.dumps(measure(*words, quick="--quick" in sys.argv)))
