"""Run the benchmarks: `python -m tests.benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from . import foreign
from .catalogue import BENCHMARKS
from .environment import describe, optimised
from .harness import Benchmark, run

FULL = 500_000


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="ID", help="targets to run, such as P3")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each contender")
    parser.add_argument(
        "--items",
        type=int,
        default=FULL,
        help=f"items of the long benchmarks ({FULL:,}); the others shrink in proportion",
    )
    parser.add_argument(
        "--with-python",
        nargs="+",
        default=[],
        metavar="PACKAGE=PYTHON",
        help="the Python of an environment for a contender whose pins collide, such as aioreactive",
    )
    options = parser.parse_args()
    for given in options.with_python:
        package, _, python = given.partition("=")
        foreign.PYTHONS[package] = python
    chosen = [benchmark for benchmark in BENCHMARKS if _wanted(benchmark, options.only)]
    if not chosen:
        parser.error(f"no benchmark of {options.only}")

    results: list[dict[str, Any]] = []
    for benchmark in chosen:
        items = max(1, benchmark.items * options.items // FULL)
        outcome = run(benchmark, rounds=options.rounds, items=items, progress=_progress)
        results.append(outcome.as_json(optimised=optimised()))
        _show(results[-1])
    if options.json:
        report = {**describe(), "rounds": options.rounds, "benchmarks": results}
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _wanted(benchmark: Benchmark, only: list[str] | None) -> bool:
    ids = {benchmark.id, *(claim.id for claim in benchmark.claims)}
    return only is None or not ids.isdisjoint(only)


def _progress(line: str) -> None:
    print(f"\r{line:<40}", end="", file=sys.stderr, flush=True)


def _show(result: dict[str, Any]) -> None:
    print(f"\r{result['id']}: {result['title']} ({result['items']:,} items)")
    for contender in result["contenders"]:
        note = f"  ({contender['note']})" if contender["note"] else ""
        if "failed" in contender:
            print(f"  {contender['name']:<42} {contender['failed']}")
            continue
        for unit, figure in contender["figures"].items():
            spread = f"{figure['low']:,.4g} to {figure['high']:,.4g}"
            print(f"  {contender['name']:<42} {figure['median']:>10,.1f} {unit} ({spread}){note}")
    for target in result["targets"]:
        measured = target["measured"]
        shown = f"{measured['median']:.3g} {target['unit']}" if measured else "not measured"
        if target["target"] is not None:
            verdict = "met" if target["met"] else "NOT MET"
            shown += f", target <= {target['target']:.3g}: {verdict}"
        against = f" / {target['against']}" if target["against"] else ""
        print(f"  {target['id']} {target['contender']}{against}: {shown}")
    print(flush=True)


main()
