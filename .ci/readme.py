"""Write the generated parts of README.md, and its plot; with --check, only look at them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"


def table(head: tuple[str, ...], *rows: tuple[str, ...]) -> Iterator[str]:
    """Give the lines of a Markdown table."""
    for row in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def operators() -> Iterator[str]:
    """Give everything that is registered, by kind and category."""
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
        yield from table(("name", "what it does", "demand"), *sorted(groups[kind, category]))
        yield ""
    rest = [(name, stock) for name, stock in sorted(TABLE.items()) if native(name) is None]
    yield "**Operators of reactivex that cannot keep demand: its own code**"
    yield ""
    yield from table(
        ("name", "why", "demand"), *((f"`{name}`", UNABLE[name], row.demand) for name, row in rest)
    )


def conformance() -> Iterator[str]:
    """Run the conformance suite on everything that is registered."""
    from tests.tck.table import rows
    from tests.tck.test_registry import EXCLUDED, MADE

    yield from table(
        ("rule", "checks", "hold on so many", "do not apply to so many, and why"), *rows()
    )
    yield ""
    left_out = "; ".join(f"`{name}`: {reason}" for (_, name), reason in EXCLUDED.items())
    yield f"{len(MADE)} operators, doors, sources and bridges are checked. Not checked: {left_out}."


def benchmarks() -> Iterator[str]:
    """Give the targets with what was measured, their plot, and the figures of all contenders."""
    from tests.benchmarks import report

    known = report.pythons()
    yield report.measured_on(known)
    yield ""
    yield from table(*report.targets(known))
    yield ""
    yield f"![Each target, and what was measured]({report.PLOT.relative_to(ROOT).as_posix()})"
    for python in known:
        yield ""
        yield f"<details><summary>Every contender, in the first run on {python.version}</summary>"
        yield ""
        yield from table(*report.contenders(python))
        yield ""
        yield "</details>"


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


def files() -> dict[Path, str]:
    """Give what is generated: the README, and the picture that it shows."""
    sys.path.insert(0, str(ROOT))
    from tests.benchmarks import report

    text = generate(README.read_text(encoding="utf-8"))
    return {README: text, report.PLOT: report.plot(report.pythons())}


def main() -> None:
    """Write, or check."""
    for path, text in files().items():
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            raise SystemExit(f"{path.name} is out of date: run python .ci/readme.py")


if __name__ == "__main__":
    main()
