"""Rows and their verdict.

`rows.toml` states the goals; a bench fills in samples; `verdict` alone decides whether a row holds, so that no
bench judges itself. Samples of ours and a peer are paired by round: a ratio is taken within a round, where both
met the same machine, and the median of the ratios is compared with the goal.
"""

import json
import statistics
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROWS = Path(__file__).resolve().parent.parent / "rows.toml"


@dataclass
class Row:
    id: str
    title: str
    unit: str
    goal: dict
    by_hand: bool = False
    ours: list = field(default_factory=list)
    peers: dict = field(default_factory=dict)  # name -> samples, paired with ours by index
    versions: dict = field(default_factory=dict)
    why: str = "not measured"

    def add(self, ours, **peers):
        """One paired round."""
        self.ours.append(ours)
        for name, value in peers.items():
            self.peers.setdefault(name.replace("_", "-"), []).append(value)


def load():
    with ROWS.open("rb") as f:
        table = tomllib.load(f)["row"]
    return {
        i: Row(i, r["title"], r["unit"], r["goal"], r.get("by_hand", False)) for i, r in table.items()
    }


def verdict(row):
    """(holds, what it was judged by). A row without samples does not hold."""
    if not row.ours:
        return False, row.why
    goal, median = row.goal, statistics.median(row.ours)
    if "max" in goal:
        return median <= goal["max"], f"{show(median)} <= {show(goal['max'])}"
    if "min" in goal:
        return median >= goal["min"], f"{show(median)} >= {show(goal['min'])}"
    peer = row.peers.get(goal["peer"])
    if not peer:
        return False, f"{goal['peer']} was not measured: {row.why}"
    if "diff_max" in goal:
        diff = statistics.median(a - b for a, b in zip(row.ours, peer))
        return diff <= goal["diff_max"], f"difference {show(diff)} <= {show(goal['diff_max'])}"
    ratio = statistics.median(a / b if b else float("inf") for a, b in zip(row.ours, peer))
    if "ratio_max" in goal:
        return ratio <= goal["ratio_max"], f"ratio {ratio:.3f} <= {goal['ratio_max']}"
    return ratio >= goal["ratio_min"], f"ratio {ratio:.3f} >= {goal['ratio_min']}"


def show(x):
    return f"{x:.3g}" if abs(x) < 100 else f"{x:,.0f}"


def report(rows, as_json):
    """Prints every row; gives True when all of them hold."""
    all_hold = True
    for row in rows.values():
        holds, why = verdict(row)
        all_hold &= holds
        ours = statistics.median(row.ours) if row.ours else None
        peers = [
            {"name": n, "version": row.versions.get(n, ""), "value": statistics.median(v)}
            for n, v in row.peers.items()
            if v
        ]
        if as_json:
            out = {
                "row": row.id, "unit": row.unit, "ours": ours, "goal": row.goal, "holds": holds,
                "by_hand": row.by_hand, "peers": peers, "why": why, "rounds": len(row.ours),
            }
            print(json.dumps(out))
            continue
        figure = "-" if ours is None else f"{show(ours)} {row.unit}"
        others = "  ".join(f"{p['name']} {show(p['value'])}" for p in peers)
        print(f"{row.id:6} {'holds' if holds else 'FALLS SHORT':12} {figure:18} {row.title}")
        print(f"       {why}{'; ' + others if others else ''}")
    return all_hold
