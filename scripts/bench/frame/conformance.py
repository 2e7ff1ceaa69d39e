"""Row 4.6: the conformance files of Luau's repository, run inside the sandbox from a checkout the reader brings.

Each file runs statement by statement of its top level; those that fail are taken out until the rest runs to its end.
A statement may fail only for what is listed here: it uses what the sandbox takes away (or what Luau's own runner
makes), or it uses a name whose definition does. Nothing of the checkout is kept here.
"""

import json
import re
import subprocess

# What the sandbox takes away, everywhere.
REMOVED = (
    r"loadstring|newproxy|getfenv|setfenv|collectgarbage|gcinfo|math\.randomseed|os\.(clock|date|time)|\bos\b"
    r"|debug\.info|debug\.traceback\(co|\bis_native\b"
)
# What a file needs beside: the test program around it, a budget or a constant the engine is built with.
NEEDS = {
    "buffers": (r"1024 \* 1024 \* 1024", "a buffer of 1 GB, beyond any budget"),
    "calls": (r"limitedstack", "a stack of 19,000 calls before the deadline, on a busy machine"),
    "coroutine": (r"main == nil|undef|limitedstack", "no coroutine around the file; the collector; the stack of Luau's own build"),
    "coverage": (r"getcoverage", "objects of Luau's own runner"),
    "cyield": (
        r"singleYield|multipleYields|passthrough|pcallThen", "C++ functions of Luau's own runner that yield"),
    "debug": (r"foo\(\"hello\", 2\)", "a traceback from another level"),
    "debugger": (r"breakpoint", "breakpoints of Luau's own runner"),
    "iter": (r"cYieldingIterator", "a C++ function of Luau's own runner that yields"),
    "math": (r"eq\(a\[", "a table that loaded text fills"),
    "move": (r"200000000|checkerror\(\"wrap around\"", "table.move over 200,000,000 slots, beyond any budget"),
    "native_userdata": (r"vec2|vertex", "userdata of Luau's own runner"),
    "pcall": (r"stackover|table\.create\(1e6\)|\bclose\(co\)|limitedstack", "the stack and the memory of Luau's own build"),
    "tables": (r"makelud|table\.create\(8000", "userdata of Luau's own runner; the stack of its own build"),
    "types": (r"RTTI", "the table of types of Luau's own runner"),
    "udata_direct": (r"vec2|vertex|Reenter|callDot", "userdata of Luau's own runner"),
    "userdata": (r"int64", "userdata of Luau's own runner"),
    "vararg": (r"x\[1\] == 2", "what loaded text returns"),
    "vector": (r"Magnitude|Unit|Dot|Cross", "methods that Luau's own runner gives vectors"),
}
# What this release of Luau has not switched on: the file does not compile.
WHOLE = {
    "classes": "classes, which this release of Luau has not switched on",
    "integers": "the integer type, which this release of Luau has not switched on",
    "integers_regspill": "the integer type, which this release of Luau has not switched on",
    "native_integer_spills": "the integer type, which this release of Luau has not switched on",
}
DEFINED = re.compile(r"^(?:local function|function|local)?\s*([A-Za-z_][\w., :]*?)\s*(?:[=(]|$)", re.MULTILINE)
FUNCTION = re.compile(r"(local )?function ")
NAME = re.compile(r"[A-Za-z_]\w*")
WORDS = {"local", "function", "do", "if", "for", "while", "repeat", "return", "assert", "end", "then", "number", "string"}


def run(runner, checkout):
    """{file: (statements, those that failed, those of them that may not)}; no statements: it did not compile."""
    files = sorted((checkout / "tests/conformance").glob("*.luau"))
    if not files:
        raise RuntimeError(f"no conformance files in {checkout}")
    table = {}
    for file in files:
        # A process each: what one file does to its process is its own affair.
        ran = subprocess.run([runner, file], capture_output=True, text=True, timeout=600)
        said = json.loads(ran.stdout) if ran.stdout else {"fault": f"ended with {ran.returncode}"}
        if "fault" in said:
            table[file.stem] = (0, [], [] if file.stem in WHOLE else [(0, said["fault"])])
        else:
            table[file.stem] = judge(file.stem, said["statements"])
    return table


def judge(file, statements):
    needs = re.compile(REMOVED + (f"|{NEEDS[file][0]}" if file in NEEDS else ""))
    tainted, failed, wrong = set(), [], []
    for statement in statements:
        text, fault = statement["text"], statement["fault"]
        because = needs.search(text) or tainted & set(NAME.findall(text))
        if fault:
            failed.append(statement["line"])
            if not because:
                wrong.append((statement["line"], fault))
        # What a statement that needs something defines, those after it need too; so does a function that uses it.
        if needs.search(text) or fault or because and FUNCTION.match(text):
            tainted |= defined(text)
    return len(statements), failed, wrong


def defined(text):
    names = {name for match in DEFINED.finditer(text) for name in NAME.findall(match[1])}
    return names - WORDS


def share(table):
    """Percent of the files in which nothing fails but what is listed, and the listed ones that are wrong to be."""
    stale = [file for file in WHOLE if table.get(file, (1,))[0]]
    stale += [file for file in NEEDS if not table.get(file, (0, []))[1]]
    return 100.0 * sum(not wrong for _, _, wrong in table.values()) / len(table), stale


def show(table):
    lines = []
    for file, (statements, failed, wrong) in table.items():
        why = WHOLE.get(file) or (NEEDS[file][1] if file in NEEDS else "what the sandbox takes away" if failed else "")
        count = f"{statements - len(failed)} of {statements}" if statements else "-"
        lines.append(f"{file:24} {count:>10} {'FAILS' if wrong else 'ok':6} {why}")
        lines += [f"    line {line}: {fault}" for line, fault in wrong]
    return "\n".join(lines)
