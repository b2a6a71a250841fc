"""How cost grows: `python -m tests.benchmarks.scale` measures, and writes the page scale/README.md.

`--quick` leaves out what takes long. `--only ID ...` measures these anew and keeps the rest.
`--page` writes the page and its plots from what was measured before.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import plot
from .curve import FULL, QUICK, SUPER_LINEAR, Curve, growth
from .environment import describe, has_gil
from .scaling import CURVES

FOLDER = Path(__file__).parent / "scale"
RESULTS = FOLDER / "results.json"
PAGE = FOLDER / "README.md"


def measured(curve: Curve, *, quick: bool, rounds: int) -> dict[str, Any]:
    """Measure all points of a curve; the series take turns at each point."""
    points = [x for x in curve.points if not quick or x <= curve.quick]
    costs: dict[str, list[list[float]]] = {name: [] for name in curve.series}
    for x in points:
        for name, found in costs.items():
            cost = curve.measure(name, x, QUICK if quick else FULL, rounds)
            found.append([x, float(f"{cost:.4g}")])
    return {"id": curve.id, "quick": quick, "rounds": rounds, "costs": costs} | {
        key: value for key, value in describe().items() if key in ("date", "python", "machine")
    }


def page(results: list[dict[str, Any]]) -> Iterator[str]:
    """Give the lines of the page."""
    by_id = {result["id"]: result for result in results}
    yield "# How cost grows"
    yield ""
    yield (
        "Each plot shows what one unit of work costs, so a flat line is a cost that grows no "
        "faster than the work; both axes are logarithmic. Of some rounds the least is taken. The "
        "power is that of what is counted across with which the cost of one unit grows at the end "
        f"of the line: 0 is flat, and more than {SUPER_LINEAR} a defect. "
        "Written by `python -m tests.benchmarks.scale`."
    )
    for curve in CURVES:
        if curve.id in by_id:
            yield ""
            yield from _section(curve, by_id[curve.id])


def _section(curve: Curve, result: dict[str, Any]) -> Iterator[str]:
    costs = result["costs"]
    python, machine = result["python"], result["machine"]
    yield f"## {curve.title}"
    yield ""
    yield curve.bound
    yield ""
    yield f"![{curve.title}: {curve.unit}]({curve.id}.svg)"
    yield ""
    points = [x for x, _ in next(iter(costs.values()))]
    yield "| " + " | ".join((curve.unit, *(f"{x:,}" for x in points), "power")) + " |"
    yield "| --- |" + " ---: |" * (len(points) + 1)
    for name, found in costs.items():
        figures = (f"{cost:,.0f}" for _, cost in found)
        yield "| " + " | ".join((name, *figures, f"{growth(found):+.2f}")) + " |"
    yield ""
    yield (
        f"Across: {curve.across}. {result['date']}, {python['implementation']} "
        f"{python['version']}, {'with' if python['pgo'] else 'without'} profile-guided "
        f"optimisation{'' if curve.gil else ' and the GIL'}; {machine['processor']}, "
        f"{machine['cores']} cores; least of {result['rounds']} rounds"
        f"{', a quick run' if result['quick'] else ''}."
    )


def files(results: list[dict[str, Any]]) -> dict[Path, str]:
    """Give the text of the page and of each plot."""
    curves = {curve.id: curve for curve in CURVES}
    written = {PAGE: "\n".join(page(results)) + "\n"}
    for result in results:
        curve = curves[result["id"]]
        written[FOLDER / f"{curve.id}.svg"] = plot.svg(
            curve.title, curve.across, curve.unit, result["costs"]
        )
    return written


def main() -> None:
    """Measure what was asked for, and write all of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--only", nargs="+", metavar="ID", choices=[curve.id for curve in CURVES])
    parser.add_argument("--page", action="store_true", help="measure nothing")
    parser.add_argument("--rounds", type=int, default=5, help="times that each point is measured")
    options = parser.parse_args()
    known: dict[str, dict[str, Any]] = {}
    if RESULTS.exists():
        known = {result["id"]: result for result in json.loads(RESULTS.read_text("utf-8"))}
    for curve in () if options.page else CURVES:
        if curve.gil == has_gil() and (options.only is None or curve.id in options.only):
            known[curve.id] = measured(curve, quick=options.quick, rounds=options.rounds)
            for name, found in known[curve.id]["costs"].items():
                power = growth(found)
                told = "  SUPER-LINEAR" if power > SUPER_LINEAR else ""
                costs = ", ".join(f"{plot.short(x)}: {cost:,.0f}" for x, cost in found)
                print(f"{curve.id}, {name}: {costs} {curve.unit}; power {power:+.2f}{told}")
    results = [known[curve.id] for curve in CURVES if curve.id in known]
    FOLDER.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    for path, text in files(results).items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
