"""The replay is hot, in order, on a thread of its own, and can be stopped."""

import threading
from time import perf_counter

from rxflow.demo.departures import minute_of, read
from rxflow.demo.replay import Announcement, Replay

ROWS = read()


def test_it_pushes_every_row_in_order_from_its_own_thread_then_completes():
    replay = Replay(ROWS, speed=1e12)
    seen: list[Announcement] = []
    threads: set[threading.Thread] = set()
    completed = threading.Event()

    def take(announcement: Announcement) -> None:
        seen.append(announcement)
        threads.add(threading.current_thread())

    replay.announcements.subscribe(take, on_completed=completed.set)
    replay.start()
    assert completed.wait(10)
    replay.join()
    assert [announcement.row for announcement in seen] == ROWS
    assert len(threads) == 1
    assert threads.isdisjoint({threading.main_thread()})


def test_it_keeps_to_the_time_of_day():
    replay = Replay([ROWS[0], ROWS[500]], speed=1_000_000)
    start = perf_counter()
    replay.start()
    replay.join()
    minutes = minute_of(ROWS[500]) - minute_of(ROWS[0])
    assert perf_counter() - start >= minutes * 60 / 1_000_000


def test_it_stops_when_told_to():
    replay = Replay(ROWS, speed=1)  # the second row is due after minutes
    ends: list[str] = []
    first = threading.Event()
    replay.announcements.subscribe(
        lambda _: first.set(), on_completed=lambda: ends.append("completed")
    )
    replay.start()
    assert first.wait(10)
    replay.stop()
    replay.join()
    assert ends == []


def test_one_that_was_never_started_can_be_joined():
    Replay(ROWS, speed=1).join()


def test_an_empty_day_completes():
    replay = Replay([], speed=1)
    completed = threading.Event()
    replay.announcements.subscribe(on_completed=completed.set)
    replay.start()
    assert completed.wait(10)
    replay.join()
