"""The door that spills to disk: order, bounds, the end, and files that fail."""

from __future__ import annotations

import gc
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from reactivex import Subject

import rxflow as rx
from rxflow import operators as ops
from rxflow.protocol import UNBOUNDED
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import in_thread
from tests.support_loop import forget


@dataclass
class Opened:
    """A Subject, the door, and a TestSubscriber behind it."""

    demand: int = 0
    subject: Subject[Any] = field(default_factory=Subject)
    discards: list[Any] = field(default_factory=list)

    def door(self, capacity: int = 4, *args: Any, **options: Any) -> Opened:
        self.probe: TestSubscriber[Any] = TestSubscriber(self.demand)
        options.setdefault("on_discard", self.discards.append)
        door = ops.on_backpressure_spill(capacity, *args, **options)
        self.subject.pipe(door).subscribe(self.probe)
        return self

    def push(self, *items: Any) -> None:
        for item in items:
            self.subject.on_next(item)

    @property
    def figures(self) -> Any:
        return self.probe.subscription.statistics()[0]


still_open: list[Opened] = []


def opened(*args: Any, demand: int = 0, **options: Any) -> Opened:
    still_open.append(Opened(demand).door(*args, **options))
    return still_open[-1]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Cancel what a test has left open: a file that is forgotten would warn."""
    yield
    while still_open:
        still_open.pop().probe.cancel()


def test_a_stream_that_is_forgotten_warns_and_removes_its_file(tmp_path: Path):
    kept = [opened(2, tmp_path / "spilled")]
    still_open.clear()
    kept[0].push(*range(9))
    assert list(tmp_path.iterdir()) != []
    with pytest.warns(ResourceWarning, match="neither ended nor cancelled"):
        forget(kept)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("capacity", [2, 3, 4, 5, 8, 100])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 50])
def test_everything_comes_in_order_and_the_end_with_the_last(capacity: int, count: int):
    door = opened(capacity)
    door.push(*range(count))
    door.subject.on_completed()
    for n in range(count):
        assert not door.probe.ended
        door.probe.request(1)
        door.probe.assert_items(*range(n + 1))
    door.probe.assert_completed(*range(count))


@pytest.mark.parametrize("capacity", [2, 3, 8])
def test_items_that_come_while_it_drains_stay_behind_those_on_disk(capacity: int):
    door = opened(capacity)
    pushed = asked = 0
    for more, fewer in [(20, 3), (1, 15), (30, 40), (2, 1), (0, 10), (5, 0)]:
        door.push(*range(pushed, pushed + more))
        door.probe.request(fewer) if fewer else None
        pushed += more
        asked += fewer
        assert door.probe.items == list(range(min(asked, pushed)))


def test_demand_that_is_there_takes_items_past_the_disk():
    door = opened(2, demand=UNBOUNDED)
    door.push(*range(100))
    door.probe.assert_items(*range(100))
    assert door.figures.peak <= 1


class Counted:
    """An item that counts how many of its kind are alive."""

    alive: ClassVar[int] = 0
    most: ClassVar[int] = 0

    def __init__(self, number: int) -> None:
        self.number = number
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self) -> None:
        Counted.alive -= 1

    def __reduce__(self) -> Any:
        return Counted, (self.number,)


def test_no_more_items_than_its_capacity_are_in_memory():
    Counted.most = 0
    subject: Subject[Counted] = Subject()
    probe: TestSubscriber[int] = TestSubscriber(0)
    flow = subject.pipe(ops.on_backpressure_spill(8), ops.map(lambda item: item.number))
    flow.subscribe(probe)
    for n in range(200):
        subject.on_next(Counted(n))
    held = probe.subscription.statistics()[0].held
    for _ in range(200):
        probe.request(1)
    probe.cancel()
    gc.collect()
    assert probe.items == list(range(200))
    # Six of the eight are objects, two are bytes; beside the six one comes in, one goes out.
    assert held == 200
    assert Counted.most <= 6 + 2
    assert Counted.alive == 0


def test_the_file_appears_when_it_is_needed_shrinks_and_is_removed(tmp_path: Path):
    file = tmp_path / "spilled"
    door = opened(8, file)
    door.push(*(bytes(1000) for _ in range(7)))
    assert not file.exists()
    door.push(*(bytes(1000) for _ in range(500)))
    full = file.stat().st_size
    assert full >= 480_000
    door.probe.request(450)
    assert file.stat().st_size < full / 4
    door.subject.on_completed()
    door.probe.request(57)
    door.probe.assert_completed(*door.probe.items)
    assert list(tmp_path.iterdir()) == []


def test_cancel_hands_everything_back_and_removes_the_file(tmp_path: Path):
    door = opened(4, tmp_path / "spilled")
    door.push(*range(30))
    door.probe.request(2)
    door.probe.cancel()
    assert sorted(door.discards) == list(range(2, 30))
    assert door.subject.observers == []
    assert list(tmp_path.iterdir()) == []
    assert (door.figures.held, door.figures.discarded) == (0, 28)


def test_an_item_that_is_turned_into_bytes_while_the_stream_ends_is_not_taken() -> None:
    def dumps(item: int) -> bytes:
        if item == 6:
            made.probe.cancel()
        return pickle.dumps(item)

    made = Opened().door(4, dumps=dumps)
    made.push(*range(8))
    figures = made.figures
    assert (figures.received, figures.held, figures.discarded) == (6, 0, 6)
    assert made.discards == list(range(6))


def test_the_last_figures_are_those_after_the_thread_that_moves_items() -> None:
    looked: list[tuple[int, int]] = []

    def dumps(item: int) -> bytes:
        if item == 3:
            made.probe.request(3)  # so that there is room by the time it is on disk
        return pickle.dumps(item)

    def loads(blob: bytes) -> Any:
        if not looked:
            in_thread(made.probe.cancel)()  # while this thread moves it, and not the consumer's
            looked.append((made.figures.held, made.figures.discarded))
        return pickle.loads(blob)

    made = Opened().door(4, dumps=dumps, loads=loads)
    made.push(*range(4))
    figures = made.figures
    assert looked == [(1, 0)]
    assert (figures.received, figures.delivered, figures.held, figures.discarded) == (4, 3, 0, 1)
    assert (made.probe.items, made.discards) == ([0, 1, 2], [3])


def test_an_error_of_the_source_comes_behind_what_is_on_disk():
    door = opened(2)
    door.push(*range(9))
    door.subject.on_error(ValueError("broken"))
    door.probe.request(8)
    assert not door.probe.ended
    door.probe.request(1)
    assert door.probe.items == list(range(9))
    assert isinstance(door.probe.error, ValueError)


def test_a_source_that_pushes_while_it_is_subscribed_is_spilled_too():
    probe: TestSubscriber[int] = TestSubscriber(UNBOUNDED)
    rx.range(1000).pipe(ops.on_backpressure_spill(4)).subscribe(probe)
    probe.assert_completed(*range(1000))


def test_it_may_ask_for_more_and_push_from_inside_of_an_item():
    door = Opened(1)
    door.probe = TestSubscriber(1)

    def answer(item: int) -> None:
        door.probe.items.append(item)
        if item < 40:
            door.push(item + 100, item + 200)
        door.probe.subscription.request(1)

    door.probe.on_next = answer  # type: ignore[method-assign]
    door.subject.pipe(ops.on_backpressure_spill(3)).subscribe(door.probe)
    door.push(*range(40))
    expected = [*range(40), *(n + k for n in range(40) for k in (100, 200))]
    assert sorted(door.probe.items) == sorted(expected)


def test_a_thread_pushes_while_another_one_takes():
    subject: Subject[int] = Subject()
    seen: list[int] = []
    done = threading.Event()
    flow = subject.pipe(ops.on_backpressure_spill(16))

    def take() -> None:
        for item in flow:
            seen.append(item)
        done.set()

    join = in_thread(take)
    while not subject.observers:
        pass
    for n in range(20_000):
        subject.on_next(n)
    subject.on_completed()
    join(60)
    assert seen == list(range(20_000))


@pytest.mark.parametrize("at", [0, 3, 30])
def test_an_item_that_cannot_be_turned_into_bytes_fails_behind_the_others(at: int):
    door = opened(2)
    items: list[Any] = list(range(40))
    items[at + 2] = threading.Lock()  # while there is room in memory nothing is turned into bytes
    door.push(*items)
    assert door.subject.observers == []
    door.probe.request(40)
    assert door.probe.items == list(range(at + 2))
    assert isinstance(door.probe.error, TypeError)
    assert door.figures.dropped == {"refused": 1}


def test_bytes_that_cannot_be_turned_back_are_an_error_behind_what_was_in_order():
    def loads(blob: bytes) -> Any:
        item = pickle.loads(blob)
        if item == 6:
            raise ValueError("not this one")
        return item

    door = opened(2, loads=loads)
    door.push(*range(10))
    door.probe.request(10)
    assert door.probe.items == list(range(6))
    assert isinstance(door.probe.error, ValueError)
    assert door.figures.dropped == {"unreadable": 4}
    assert door.subject.observers == []


# Files that fail.


def test_a_file_that_reached_its_bound_fails_and_loses_nothing(tmp_path: Path):
    door = opened(8, tmp_path / "spilled", max_bytes=100_000)
    pushed = 0
    while door.subject.observers:
        door.push(pushed.to_bytes(4, "big") + bytes(1000))
        pushed += 1
    assert 50 < pushed < 100
    assert (tmp_path / "spilled").stat().st_size <= 100_000
    door.probe.request(pushed - 1)
    assert not door.probe.ended
    door.probe.request(1)
    assert [int.from_bytes(item[:4], "big") for item in door.probe.items] == list(range(pushed))
    assert isinstance(door.probe.error, rx.SpillError)
    assert "on_backpressure_spill: its file cannot be written" in str(door.probe.error)
    assert list(tmp_path.iterdir()) == []


def test_a_corrupt_file_is_an_error_behind_what_was_delivered_in_order(tmp_path: Path):
    file = tmp_path / "spilled"
    door = opened(8, file)
    door.push(*(n.to_bytes(4, "big") + bytes(1000) for n in range(4000)))
    with file.open("r+b") as broken:
        broken.seek(200_000)
        broken.write(b"\xff" * 600_000)
    door.probe.request(4000)
    numbers = [int.from_bytes(item[:4], "big") for item in door.probe.items]
    assert 8 <= len(numbers) < 4000
    assert numbers == list(range(len(numbers)))
    assert isinstance(door.probe.error, rx.SpillError)
    assert "cannot be read" in str(door.probe.error)
    assert door.figures.dropped == {"unreadable": 4000 - len(numbers)}
    assert not file.exists()


def test_a_file_that_is_there_already_is_not_touched(tmp_path: Path):
    file = tmp_path / "spilled"
    file.write_text("somebody's")
    door = opened(2, file)
    door.push(*range(9))
    assert door.subject.observers == []
    door.probe.request(9)
    assert door.probe.items == [0, 1]
    assert isinstance(door.probe.error, rx.SpillError)
    assert "cannot be opened" in str(door.probe.error)
    assert file.read_text() == "somebody's"


def test_a_disk_that_the_system_says_is_full(tmp_path: Path):
    """In a process of its own, whose files may not be longer than a bound."""
    program = """
        import resource, signal, sys
        from reactivex import Subject
        import rxflow as rx
        from rxflow import operators as ops
        from rxflow.testing import TestSubscriber

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        subject, probe = Subject(), TestSubscriber(0)
        subject.pipe(ops.on_backpressure_spill(8, sys.argv[1])).subscribe(probe)
        pushed = 0
        while subject.observers:
            subject.on_next(pushed.to_bytes(4, "big") + bytes(1000))
            pushed += 1
        probe.request(1000)
        numbers = [int.from_bytes(item[:4], "big") for item in probe.items]
        assert numbers == list(range(pushed)), (numbers, pushed)
        assert isinstance(probe.error, rx.SpillError), probe.error
        print(pushed)
    """
    done = run(program, tmp_path / "spilled")
    assert done.returncode == 0, done.stderr
    assert 50 < int(done.stdout) < 100


def run(program: str, *args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        check=False,
    )


# A durable file.


def durable(file: Path, capacity: int = 4, demand: int = 0, **options: Any) -> Opened:
    return opened(capacity, file, durable=True, demand=demand, **options)


def test_what_was_not_delivered_is_delivered_first_next_time(tmp_path: Path):
    file = tmp_path / "durable"
    first = durable(file)
    first.push(*range(20))
    first.probe.request(7)
    first.probe.cancel()
    assert first.discards == [], "they stay in the file"
    assert first.subject.observers == []
    second = durable(file, demand=3)
    second.push(20, 21)
    second.probe.assert_items(7, 8, 9)
    second.subject.on_completed()
    second.probe.request(100)
    assert second.probe.items == list(range(7, 22))
    second.probe.assert_completed(*second.probe.items)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_killed_loses_nothing(tmp_path: Path):
    program = """
        import os, signal, sys
        from reactivex import Subject
        from rxflow import operators as ops
        from rxflow.testing import TestSubscriber

        subject, probe = Subject(), TestSubscriber(5)
        subject.pipe(ops.on_backpressure_spill(4, sys.argv[1], durable=True)).subscribe(probe)
        for n in range(50):
            subject.on_next(n)
        assert probe.items == [0, 1, 2, 3, 4]
        os.kill(os.getpid(), signal.SIGKILL)
    """
    file = tmp_path / "durable"
    assert run(program, file).returncode == -9
    door = durable(file, demand=UNBOUNDED)
    items = door.probe.items
    assert items == list(range(items[0], 50))
    assert 1 <= items[0] <= 5, "at most the capacity comes once more"
    door.subject.on_completed()
    door.probe.assert_completed(*door.probe.items)
    assert list(tmp_path.iterdir()) == []


def test_only_one_subscription_uses_a_file(tmp_path: Path):
    first = durable(tmp_path / "durable")
    first.push(1)
    second = durable(tmp_path / "durable", demand=1)
    assert isinstance(second.probe.error, rx.SpillError)
    assert "locked" in str(second.probe.error)
    assert second.subject.observers == []
    first.probe.request(1)
    first.probe.assert_items(1)
    first.probe.cancel()


def test_a_file_that_is_no_database(tmp_path: Path):
    file = tmp_path / "durable"
    file.write_bytes(b"not a database " * 1000)
    door = durable(file, demand=1)
    assert isinstance(door.probe.error, rx.SpillError)
    assert file.exists()


@pytest.mark.parametrize(
    ("args", "options", "kind", "text"),
    [
        ((1,), {}, ValueError, "capacity must be at least 2"),
        ((2.5,), {}, ValueError, "whole number"),
        ((2,), {"max_bytes": 1000}, ValueError, "max_bytes must be at least 65536"),
        ((2,), {"durable": True}, TypeError, "durable wants a path"),
        ((2,), {"dumps": 1}, TypeError, "dumps must be callable"),
        ((2,), {"loads": 3}, TypeError, "loads must be callable"),
    ],
)
def test_bad_arguments_are_refused_when_the_pipeline_is_built(
    args: Any, options: Any, kind: type[Exception], text: str
):
    with pytest.raises(kind, match=text):
        ops.on_backpressure_spill(*args, **options)
