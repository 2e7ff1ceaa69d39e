"""Row 4.6: the conformance files of Luau's repository, run inside the sandbox from a checkout the reader brings.

A file that needs what the sandbox takes away, or a test program around it that is not ours, is listed below with
the reason; it must fail, or the list is wrong. Nothing of the checkout is kept here.
"""

import json
import subprocess

# file: what it needs
LOADSTRING = "loadstring: text is not run as code"
NEWPROXY = "newproxy, which makes userdata"
ENVIRONMENT = "getfenv and setfenv"
INTEGER = "the integer type, which this release of Luau has not switched on; the sandbox has whole numbers of its own"
RUNNER = "objects that Luau's own runner makes in C++"
APART = {
    "basic": NEWPROXY,
    "buffers": "a buffer of 1 GB, beyond any budget",
    "calls": LOADSTRING,
    "classes": "classes, which this release of Luau has not switched on",
    "closure": ENVIRONMENT,
    "constructs": LOADSTRING,
    "coroutine": "to find no coroutine running, as at the top of its own runner",
    "coverage": RUNNER,
    "cyield": RUNNER,
    "datetime": "os.date and os.time",
    "debug": "debug.info",
    "debugger": RUNNER,
    "errors": LOADSTRING,
    "events": NEWPROXY,
    "gc": LOADSTRING,
    "integers": INTEGER,
    "integers_regspill": INTEGER,
    "iter": NEWPROXY,
    "iter_fenv": ENVIRONMENT,
    "literals": LOADSTRING,
    "locals": LOADSTRING,
    "math": LOADSTRING,
    "move": "table.move over 200,000,000 slots, beyond any budget",
    "native": "native code; the sandbox only interprets",
    "native_integer_spills": INTEGER,
    "native_types": "native code; the sandbox only interprets",
    "native_userdata": RUNNER,
    "pcall": "recursion through pcall until the stack of Luau's own runner is full",
    "pm": LOADSTRING,
    "safeenv": ENVIRONMENT,
    "sort": "os.clock",
    "strings": NEWPROXY,
    "tables": "table.foreach and foreachi, which are deprecated",
    "types": RUNNER,
    "udata_direct": RUNNER,
    "userdata": RUNNER,
    "utf8": LOADSTRING,
    "vararg": LOADSTRING,
    "vector": RUNNER,
}


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
