"""The benchmarks do not rot: each contender does its work over a few items. Nothing is timed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

import rxflow as rx

from .catalogue import BENCHMARKS
from .foreign import PYTHONS, foreign
from .harness import Benchmark, Contender, Figures, in_fresh_process, own_figures, run
from .memory import STATUS
from .p14_statistics import uncounted

TURNS = [
    pytest.param(benchmark, contender, id=f"{benchmark.id}: {contender.name}")
    for benchmark in BENCHMARKS
    for contender in benchmark.contenders
]


@pytest.mark.parametrize(("benchmark_", "contender"), TURNS)
@pytest.mark.parametrize("items", [1, 20])
def test_contender_does_the_work(benchmark_: Benchmark, contender: Contender, items: int) -> None:
    if missing := contender.missing():
        pytest.skip(f"not installed: {', '.join(missing)}")
    measure = contender.measure or benchmark_.measure
    if measure is in_fresh_process:  # which takes a second each
        if not STATUS.exists():
            pytest.skip("needs /proc")
        measure = own_figures
    figures, result = measure(contender.work, items)
    assert all(value >= 0 for value in figures.values())
    if benchmark_.expected is not None:
        assert result == benchmark_.expected(items)


def test_ratios_come_from_the_same_round() -> None:
    turns = iter([{"s": 2.0}, {"s": 4.0}, {"s": 30.0}, {"s": 10.0}])
    benchmark = Benchmark("X", "made up", 1, measure=lambda work, items: (work(items), None))
    benchmark.contender("a")(lambda items: next(turns) if items > 1 else {"s": 1.0})
    benchmark.contender("b")(lambda items: next(turns) if items > 1 else {"s": 1.0})
    benchmark.claim("a", against="b", at_most=0.4, figure="s")
    outcome = run(benchmark, rounds=2, items=2)
    # round 1: a 2, b 4; round 2 starts with b: b 30, a 10
    verdict = outcome.as_json(optimised=True)["targets"][0]
    assert verdict["measured"] == {"median": 0.4167, "low": 0.3333, "high": 0.5}
    assert verdict["met"] is False


def test_failing_contender_is_shown() -> None:
    def fail(items: int) -> None:
        raise OSError("no such thing")

    benchmark = Benchmark("X", "made up", 1, expected=lambda items: items)
    benchmark.contender("right")(lambda items: items)
    benchmark.contender("wrong")(lambda items: -1)
    benchmark.contender("raises")(fail)
    benchmark.contender("absent", "no_such_module")(lambda items: items)
    benchmark.claim("right", against="wrong", at_most=1.0)
    result = run(benchmark, rounds=1, items=5).as_json(optimised=False)
    failed = {entry["name"]: entry.get("failed") for entry in result["contenders"]}
    assert failed == {
        "right": None,
        "wrong": "AssertionError: 1 items gave -1, which is wrong",
        "raises": "OSError: no such thing",
        "absent": "not installed: no_such_module",
    }
    assert result["targets"][0]["measured"] is None
    assert result["targets"][0]["met"] is False


def holding(items: int) -> Figures:
    held = bytearray(items * 2**20)
    return {"MiB": len(held) / 2**20}


def test_turn_in_a_fresh_process_gives_its_figures() -> None:
    assert in_fresh_process(holding, 3) == ({"MiB": 3.0}, None)


@pytest.mark.parametrize(("measured", "met"), [(4, True), (6, False)])
def test_figure_is_judged_without_another_contender(measured: int, met: bool) -> None:
    benchmark = Benchmark("X", "made up", measured, measure=own_figures)
    benchmark.contender("a")(holding)
    benchmark.claim("a", against=None, at_most=5, figure="MiB")
    outcome = run(benchmark, rounds=3, items=measured)
    verdict = outcome.as_json(optimised=True)["targets"][0]
    assert verdict["measured"] == {"median": measured, "low": measured, "high": measured}
    assert (verdict["unit"], verdict["against"], verdict["met"]) == ("MiB", "", met)


def test_claim_about_an_unknown_contender_is_refused() -> None:
    benchmark = Benchmark("X", "made up", 1)
    benchmark.contender("a")(holding)
    with pytest.raises(ValueError, match="no contender named"):
        benchmark.claim("a", against="b", at_most=1)


TIMED_ELSEWHERE = """
import json, sys
from harness import per_item
print(json.dumps(per_item(lambda items: items, int(sys.argv[1]))))
"""


@pytest.mark.parametrize(
    ("program", "given", "failed"),
    [
        (TIMED_ELSEWHERE, True, None),
        ("raise OSError('no such thing')", True, "RuntimeError: OSError: no such thing"),
        ("print('[{}, -1]')", True, "AssertionError: 1 items gave -1, which is wrong"),
        (TIMED_ELSEWHERE, False, "not installed: made_up (--with-python made_up=...)"),
    ],
)
def test_contender_in_an_environment_of_its_own(
    program: str,
    given: bool,
    failed: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "program.py"
    here = str(Path(__file__).parent)
    file.write_text(f"import sys; sys.path.append({here!r})\n{program}", encoding="utf-8")
    if given:
        monkeypatch.setitem(PYTHONS, "made_up", sys.executable)
    benchmark = Benchmark("X", "made up", 1, expected=lambda items: items)
    benchmark.contenders.append(foreign("a", "made_up", str(file), share=1.0, note=""))
    (described,) = run(benchmark, rounds=1, items=5).as_json(optimised=False)["contenders"]
    assert described.get("failed") == failed
    assert ("figures" in described) == (failed is None)


async def _timed() -> int:
    """Tell of how many of three items a boundary says how long they were in it."""
    emitters: list[rx.Emitter[int]] = []
    running = aiter(rx.create(emitters.append, overflow=rx.SUSPEND, capacity=4))
    for x in range(3):
        emitters[0].on_next(x)
    emitters[0].on_completed()
    assert [x async for x in running] == [0, 1, 2]
    return running.statistics()[0].latency.count


def test_what_counts_is_taken_out_and_put_back() -> None:
    with uncounted() as changed:
        # The looks at the clock, one a run or a wake.
        assert changed == ["Iteration._more", "Drain._deliver", "Counted._rises", "Taken.run"]
        assert asyncio.run(_timed()) == 0
    assert asyncio.run(_timed()) == 1
