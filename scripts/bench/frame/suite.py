"""Row 1.5: the begin-only cases of bpftrace's own runtime suite, run from a checkout the reader brings.

A case is begin-only when every probe of its program is begin, end or interval. The cases are run by the suite's own
engine, with a chain of links called `bpftrace` (several cases print their own `comm`) that leads through
`edgekit-trace` to our file; nothing of the suite is kept here.
"""

import os
import re
import shutil
import subprocess
from collections import Counter

PROBES = (
    r"begin|BEGIN|end|END|interval|i|self|kprobe|kretprobe|k|kr|fentry|fexit|kfunc|kretfunc|f|fr|uprobe|uretprobe"
    r"|u|ur|usdt|U|tracepoint|t|rawtracepoint|rt|profile|p|hardware|h|software|s|watchpoint|w|asyncwatchpoint|iter"
    r"|it|test|bench"
)
ALLOWED = {"begin", "BEGIN", "end", "END", "interval", "i"}


def begin_only(block):
    program = re.search(r"^(?:PROG|RUN) (.*)$", block, re.M)
    if not program:
        return False
    found = re.findall(rf"\b({PROBES})(?=:|\s*\{{|\s*/|\s*,)", program.group(1))
    return bool(found) and set(found) <= ALLOWED


def run(checkout, binary, tmp):
    """{file: (passed, begin-only cases, skipped by their own requirements)}"""
    tests = tmp / "tests"
    shutil.copytree(checkout / "tests", tests)
    # What the suite's own build would have made: a settings module and the test programs.
    (tests / "runtime/engine/cmake_vars.py").write_text("LIBBCC_BPF_CONTAINS_RUNTIME = False\n")
    for c in sorted((tests / "testprogs").glob("*.c")):
        subprocess.run(["gcc", "-O0", "-g", "-w", c, "-o", c.with_suffix(""), "-lm", "-pthread"], capture_output=True)
    wrapper, link = tmp / "bpftrace", tmp / "edgekit-trace"
    link.symlink_to(os.path.abspath(binary))
    wrapper.symlink_to(link)
    table = {}
    for file in sorted((tests / "runtime").iterdir()):
        if not file.is_file():
            continue
        blocks = [b for b in re.split(r"\n\s*\n", file.read_text()) if re.search(r"^NAME ", b, re.M)]
        names = [re.search(r"^NAME (.*)$", b, re.M).group(1) for b in blocks if begin_only(b)]
        if not names:
            continue
        results = Counter()
        pattern = "^" + re.escape(file.name) + r"\.(" + "|".join(re.escape(n) for n in names) + ")$"
        env = dict(os.environ, BPFTRACE_RUNTIME_TEST_EXECUTABLE=str(wrapper), RUNTIME_TEST_COLOR="no")
        p = subprocess.run(
            ["python3", "runtime/engine/main.py", f"--filter={pattern}"],
            cwd=tests, env=env, capture_output=True, text=True, timeout=1800,
        )
        log = p.stdout + p.stderr
        for name in names:
            full = re.escape(f"{file.name}.{name}")
            if re.search(rf"\[\s+OK\s+\] {full} \(", log):
                results["ok"] += 1
            elif re.search(rf"\[\s+SKIP\s+\] {full}\b", log):
                results["skip"] += 1
        (tmp / f"suite-{file.name}.log").write_text(log)
        table[file.name] = (results["ok"], len(names), results["skip"])
    return table


def show(table):
    lines = ["file             passed  begin-only  skipped by the suite"]
    lines += [f"{f:16} {ok:6}  {n:10}  {skip}" for f, (ok, n, skip) in table.items()]
    ok, n = (sum(t[i] for t in table.values()) for i in (0, 1))
    return "\n".join([*lines, f"{'all':16} {ok:6}  {n:10}"])
