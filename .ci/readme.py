"""Write the generated parts of README.md; with --check, only tell whether they are up to date."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "tests" / "benchmarks" / "results.json"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Give the lines of a Markdown table."""
    for row in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def operators() -> Iterator[str]:
    """Give everything that is registered, by kind and category."""
    sys.path.insert(0, str(ROOT))
    import rxflow  # noqa: F401  # fills the registry
    from rxflow.flow.registry import native, registered
    from rxflow.flow.stock import TABLE, UNABLE

    titles = {"source": "Sources", "door": "Doors", "operator": "Operators", "bridge": "Bridges"}
    groups: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for entry in registered():
        row = (f"`{entry.name}`", _markdown(entry.summary), entry.demand)
        groups.setdefault((entry.kind, entry.category), []).append(row)
    for kind, category in sorted(groups, key=lambda group: ([*titles].index(group[0]), group[1])):
        yield f"**{titles[kind]}: {category}**"
        yield ""
        yield from table(("name", "what it does", "demand"), sorted(groups[kind, category]))
        yield ""
    rest = [(name, stock) for name, stock in sorted(TABLE.items()) if native(name) is None]
    yield "**Operators of reactivex that cannot keep demand: its own code**"
    yield ""
    yield from table(
        ("name", "why", "demand"), [(f"`{name}`", UNABLE[name], row.demand) for name, row in rest]
    )


def conformance() -> Iterator[str]:
    """Run the conformance suite on everything that is registered."""
    from tests.tck.table import rows
    from tests.tck.test_registry import EXCLUDED, MADE

    yield from table(
        ("rule", "checks", "hold on so many", "do not apply to so many, and why"), [*rows()]
    )
    yield ""
    left_out = "; ".join(f"`{name}`: {reason}" for (_, name), reason in EXCLUDED.items())
    yield f"{len(MADE)} operators, doors, sources and bridges are checked. Not checked: {left_out}."


def benchmarks() -> Iterator[str]:
    """Give the targets with what was measured, and the figures of all contenders."""
    if not RESULTS.exists():
        yield "Nothing has been measured yet."
        return
    report = json.loads(RESULTS.read_text(encoding="utf-8"))
    python, machine = report["python"], report["machine"]
    built = "" if python["build"] == "other" else f", {python['build']}'s build"
    optimised = "with" if python["pgo"] else "without"
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    yield (
        f"{report['date']}, {python['implementation']} {python['version']}{built}, "
        f"{optimised} profile-guided optimisation; "
        f"{machine['processor']} {machine['architecture']}, {machine['cores']} cores, "
        f"{machine['system']}; {versions}. "
        f"Medians of {report['rounds']} rounds, in each of which all contenders had a turn; "
        "a ratio compares two turns of one round (in brackets: the lowest and the highest). "
        "Written by `python -m tests.benchmarks --json tests/benchmarks/results.json`."
    )
    yield ""
    yield from table(
        ("target", "work", "contender", "against", "measured", "at most", "met"),
        [
            (target["id"], benchmark["title"], *_verdict(target))
            for benchmark in report["benchmarks"]
            for target in benchmark["targets"]
        ],
    )
    yield ""
    yield "<details><summary>Every contender</summary>"
    yield ""
    yield from table(
        ("work", "contender", "median", "lowest to highest", "note"),
        [
            (f"{benchmark['id']}: {benchmark['title']}", *figure)
            for benchmark in report["benchmarks"]
            for contender in benchmark["contenders"]
            for figure in _figures(contender)
        ],
    )
    yield ""
    yield "</details>"


def _verdict(target: dict[str, Any]) -> tuple[str, ...]:
    measured, unit = target["measured"], target["unit"]
    unit = "" if unit == "x" else f" {unit}"
    shown = (
        f"{_ratio(measured['median'])} ({_ratio(measured['low'])} to "
        f"{_ratio(measured['high'])}){unit}"
        if measured
        else "not measured"
    )
    figure = "" if target["figure"] == "ns per item" else f" ({target['figure']})"
    limit = "no target" if target["target"] is None else _ratio(target["target"]) + unit
    met = {True: "yes", False: "**no**", None: ""}[target["met"]]
    note = f"; {target['note']}" if target["note"] else ""
    return target["contender"] + figure, target["against"], shown, limit, (met + note).strip("; ")


def _figures(contender: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    if "failed" in contender:
        yield contender["name"], "failed", contender["failed"], contender["note"]
    for unit, figure in contender.get("figures", {}).items():
        spread = f"{_number(figure['low'])} to {_number(figure['high'])}"
        yield contender["name"], f"{_number(figure['median'])} {unit}", spread, contender["note"]


def _ratio(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _markdown(text: str) -> str:
    """Turn a docstring's markup into Markdown's."""
    return re.sub(r":\w+:`([^`]*)`", r"`\1`", text).replace("``", "`")


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "operators": operators,
    "conformance": conformance,
    "benchmarks": benchmarks,
}


def generate(text: str) -> str:
    """Fill the text between the markers of each part."""
    for name, lines in PARTS.items():
        marked = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not marked.search(text):
            raise SystemExit(f"README.md has no part 'generated: {name}'")
        body = "\n".join(lines()).strip() + "\n"
        text = marked.sub(lambda found, body=body: found[1] + body + found[2], text)
    return text


def main() -> None:
    """Write, or check."""
    before = README.read_text(encoding="utf-8")
    after = generate(before)
    if "--check" not in sys.argv[1:]:
        README.write_text(after, encoding="utf-8")
    elif before != after:
        raise SystemExit("README.md is out of date: run python .ci/readme.py")


if __name__ == "__main__":
    main()
