"""Row 4.6: the conformance files of Luau's repository, run inside the sandbox from a checkout the reader brings.

A file that needs what the sandbox takes away, or a test program around it that is not ours, is listed below with
the reason; it must fail, or the list is wrong. Nothing of the checkout is kept here.
"""

import json
import subprocess

# file: what it needs
APART = {}


def run(runner, checkout):
    """{file: (passed, fault)}"""
    files = sorted((checkout / "tests/conformance").glob("*.luau"))
    if not files:
        raise RuntimeError(f"no conformance files in {checkout}")
    table = {}
    for file in files:
        # A process each: what one file does to its process is its own affair.
        ran = subprocess.run([runner, file], capture_output=True, text=True, timeout=300)
        said = [json.loads(line) for line in ran.stdout.splitlines()]
        table[file.stem] = (said[0]["ok"], said[0]["fault"]) if said else (False, f"ended with {ran.returncode}")
    return table


def share(table):
    """Percent of the files that are not listed, and of the listed ones what is not as listed."""
    counted = [ok for file, (ok, _) in table.items() if file not in APART]
    stale = [file for file in APART if table.get(file, (False,))[0]]
    return 100.0 * sum(counted) / len(counted), stale


def show(table):
    lines = []
    for file, (ok, fault) in table.items():
        apart = APART.get(file)
        state = "ok" if ok else "apart" if apart else "FAILS"
        lines.append(f"{file:24} {state:6} {apart or fault or ''}")
    return "\n".join(lines)
