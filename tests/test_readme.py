"""The README's Python blocks do what they say."""

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
    pipeline, subscriber, moved, marbles, rules = printed
    assert pipeline == "[3, 5, 7]\n"
    assert subscriber == "0\n1\n4\n"
    assert [moved, marbles, rules] == [""] * 3
    namespace["TestDoubling"]().test_required_spec101_request_gives_the_requested_number()


def test_what_it_recommends_exists() -> None:
    import rxflow
    from rxflow import operators

    table = README.read_text(encoding="utf-8").split("## I want to …")[1].split("\n## ")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if line.startswith("| ")][1:]
    names = set(re.findall(r"[`.]([a-z_]+)\(", " ".join(rows)))
    assert len(names) > 15
    known = {*dir(rxflow), *dir(operators), *dir(rxflow.Flow), "send", "statistics"}
    assert names <= known, names - known
