"""Mutation testing of rxflow/protocol and rxflow/kernel: run what is new, and tell what survives.

Needs the extras ``test`` and ``mutation``. Arguments are passed on to ``mutmut run``
(``--max-children 1``, or names of mutants, to run these again); ``--report`` only tells what is
known. Fails below 90 % in either directory. Delete ``mutants/`` to begin anew: which tests reach a
function is found out once, and only for tests that are new after that.

What is not mutated, by the tool: annotations, docstrings, class bodies (so ``__slots__``, and the
values of enums) and calls of ``len`` and ``isinstance``, which change what is declared and not what
is done; and functions with a decorator (properties, context managers), which it cannot do. What it
does mutate of that kind counts as equivalent: the type of a ``cast``, and ``strict`` of a ``zip``,
a check for who changes the code. Any other mutant that changes nothing that can be seen is in
``mutation.toml``, with the reason.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOUND = ROOT / "mutants"  # where mutmut works, and keeps what it found
EQUIVALENT = Path(__file__).with_name("mutation.toml")
TARGET = 90.0  # percent

Change = tuple[str, str, str]  # the function, the line as it was, the line as it is

DECLARED = re.compile(r'(?<=\bcast\()(None|"[^"]*")|, *(strict=\w+)? *(?=\))')
"""What changes nothing that is done: the type of a cast, and whether a zip is strict."""


def main() -> int:
    """Run, then report."""
    if "--report" not in sys.argv:
        subprocess.run([sys.executable, "-m", "mutmut", "run", *sys.argv[1:]], cwd=ROOT, check=True)
    return report()


def report() -> int:
    """Print the score of each file, and the mutants that survive."""
    excused = {
        (entry["function"], entry["was"], entry["now"]): entry["why"]
        for entry in tomllib.loads(EQUIVALENT.read_text())["equivalent"]
    }
    unused = dict(excused)
    alive: list[tuple[str, Change]] = []
    scores: dict[str, Counter[str]] = {}
    for path in sorted((FOUND / "rxflow").rglob("*.py.meta")):
        source = path.relative_to(FOUND).with_suffix("")
        score: Counter[str] = Counter()
        for name, fate in fates(path):
            if fate not in ("killed", "not checked"):
                change = changed(name, source)
                excused_here = change in excused or declares(change)
                if excused_here:  # on a busy machine its tests may be out of time, too
                    unused.pop(change, None)
                    fate = "equivalent"
                elif fate != "timeout":
                    alive.append((name, change))
            score[fate] += 1
        if score:
            scores[str(source)] = score
    for name, (function, was, now) in alive:
        print(f"{name}\n    {function}\n    - {was}\n    + {now}")
    for function, was, now in unused:
        print(f"not found any more, in {EQUIVALENT.name}: {function}\n    - {was}\n    + {now}")
    print(f"\n{'':32} mutants  killed  in time  equivalent  survived  score")
    failed = False
    for directory in ("rxflow/protocol", "rxflow/kernel"):
        rows = {name: score for name, score in scores.items() if name.startswith(directory)}
        for name, score in rows.items():
            print(row(name, score))
        total = sum(rows.values(), Counter[str]())
        print(row(directory, total))
        failed |= percent(total) < TARGET
    return int(failed)


def fates(path: Path) -> Iterator[tuple[str, str]]:
    """Give the mutants of a file, and what became of each."""
    from mutmut.stats import status_by_exit_code

    for name, code in json.loads(path.read_text())["exit_code_by_key"].items():
        yield name, status_by_exit_code[code]


def changed(name: str, source: Path) -> Change:
    """Give the function that a mutant changes, and the change."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.utils.format_utils import (
        get_module_from_key,
        orig_function_and_class_names_from_key,
    )

    function, owner = orig_function_and_class_names_from_key(name)
    place = ".".join(part for part in (get_module_from_key(name), owner, function) if part)
    diff = get_diff_for_mutant(name, path=source).splitlines()[3:]
    was, now = (
        " ".join(line[1:].strip() for line in diff if line.startswith(sign)) for sign in "-+"
    )
    return place, was, now


def declares(change: Change) -> bool:
    """Tell whether a mutant changes only what is declared."""
    _, was, now = change
    return DECLARED.sub("", was) == DECLARED.sub("", now)


def percent(score: Counter[str]) -> float:
    """Give the part of the mutants that are no equivalents which some test kills."""
    counted = score.total() - score["equivalent"]
    return 100.0 * (score["killed"] + score["timeout"]) / counted if counted else 100.0


def row(name: str, score: Counter[str]) -> str:
    """Give a line of the table; a mutant that only hangs is killed by the clock."""
    rest = score.total() - score["killed"] - score["timeout"] - score["equivalent"]
    figures: list[Any] = [score.total(), score["killed"], score["timeout"], score["equivalent"]]
    return "{:32} {:7} {:7} {:8} {:11} {:9}  {:4.1f} %".format(name, *figures, rest, percent(score))


if __name__ == "__main__":
    sys.exit(main())
