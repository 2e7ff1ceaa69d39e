"""Row 5.16: the cases of kosoku (PyPI), which are Autobahn's, against an echo server: direct, and through the proxy.

Each case that comes out otherwise than direct is one too many. Without groups 12 and 13 (compression, 216 cases that
take a quarter of an hour a round and differ in what is inside of frames, which no proxy looks at) unless all are
wanted. Prints {case: outcome} of one run when it is called with an address; run by the interpreter that has kosoku.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path


def run(python, port, everything=False):
    """{case: outcome} of the cases against a port."""
    argv = [python, Path(__file__).resolve(), f"127.0.0.1:{port}", *(["all"] if everything else [])]
    said = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=1800)
    if said.returncode:
        raise RuntimeError(f"kosoku: {said.stderr.strip()[-400:]}")
    return json.loads(said.stdout)


def differing(direct, through):
    return {case: (direct.get(case), through.get(case)) for case in direct | through
            if direct.get(case) != through.get(case)}


def main(address, everything=""):
    import kosoku

    async def all_cases():
        try:
            return await kosoku.run_fuzzingclient(address, None, None if everything else ["12.*", "13.*"], concurrency=4)
        except kosoku.FailureError as failure:
            return failure.results
    results = asyncio.run(all_cases())
    print(json.dumps({one.case_id: [one.behavior.value, one.behavior_close.value] for one in results}), flush=True)
    # The suite's own threads may abort an interpreter that takes itself apart.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
