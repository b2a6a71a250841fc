"""The README's Python blocks do what they say."""

import asyncio
import builtins
import re
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parents[1] / "README.md"


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_blocks_run_one_after_another(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {"__name__": "readme"}
    printed: list[str] = []
    for block in blocks():
        exec(compile(block, str(README), "exec"), namespace)
        printed.append(capsys.readouterr().out)
    pipeline, subscriber, moved, in_rx, explained, recorded, marbles, rules = printed
    assert pipeline == "[3, 5, 7]\n"
    assert subscriber == "0\n1\n4\n"
    assert [moved, in_rx, recorded, marbles, rules] == [""] * 5
    assert explained.startswith("1008\nIt holds at most 1,008 items in all.\n")
    assert "boundary, holds at most 8 items" in explained
    namespace["TestDoubling"]().test_required_spec101_request_gives_the_requested_number()


def recommended(section: str, column: int) -> set[str]:
    """Give the names that a column of the tables of a section calls."""
    text = README.read_text(encoding="utf-8").split(f"\n## {section}")[1].split("\n## ")[0]
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| ")]
    assert len({len(row) for row in rows}) == 1, "a cell has a bar of its own"
    cells = " ".join(row[column] for row in rows)
    return {*re.findall(r"[`.]([a-z_]+)\(", cells), *re.findall(r"`([A-Z]\w+)`", cells)}


@pytest.mark.parametrize(
    ("section", "column", "least"), [("I want to", 2, 60), ("Coming from RxJava", 7, 75)]
)
def test_what_it_recommends_exists(section: str, column: int, least: int) -> None:
    import anyio
    from rsocket.rsocket_client import RSocketClient

    import rxflow
    import rxflow.monitor
    from rxflow import operators

    names = recommended(section, column)
    assert len(names) > least
    homes = (
        rxflow,
        operators,
        rxflow.Flow,
        rxflow.SharedFlow,
        rxflow.Emitter,
        rxflow.KillSwitch,
        rxflow.LatestReader,
        rxflow.Subscription,
        rxflow.monitor,
        builtins,
    )
    # Of other packages.
    others = {"start_server": asyncio, "CapacityLimiter": anyio, "request_stream": RSocketClient}
    names -= {name for name, home in others.items() if hasattr(home, name)}
    known = {name for home in homes for name in dir(home)} | {"statistics"}
    assert names <= known, names - known
