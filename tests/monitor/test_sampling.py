"""The sampler tells its listeners how everything stands, in a thread, a task or by hand."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from rxflow.kernel import hooks
from rxflow.monitor import Sample, Sampler, sampling
from rxflow.testing import run_virtual

from .worlds import buffered, stage, value


def test_a_step_tells_each_listener_the_time_and_how_things_stand() -> None:
    told: list[Sample] = []
    with Sampler() as sampler, buffered() as world:
        world.push(2)
        sampler.listen(told.append)
        sampler.listen(told.append)
        sample = sampler.sample(17.5)
        assert told == [sample, sample]
        assert sample.at == 17.5
        assert value(stage(sample.reading), "queue_depth") == 2
        [seen] = [each for each in sample.reading.subscriptions if each.flow == "orders"]
        assert seen.consumer is world.subscriber.subscription
        assert [part.name for part in seen.stages] == [
            "orders/on_backpressure_buffer",
            "subscriber",
        ]


def test_the_clock_gives_the_time_when_none_is_said() -> None:
    times = iter([1.0, 2.5])
    with Sampler(clock=lambda: next(times)) as sampler:
        assert [sampler.sample().at, sampler.sample().at] == [1.0, 2.5]


def test_one_who_does_not_listen_any_more_is_not_told() -> None:
    told: list[Sample] = []
    with Sampler() as sampler:
        sampler.listen(told.append)()
        sampler.sample()
    assert told == []


def test_a_listener_that_raises_is_reported_and_the_others_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reported: list[BaseException] = []
    monkeypatch.setattr(hooks, "on_dropped_error", reported.append)
    told: list[Sample] = []
    error = ValueError("a listener")

    def fail(_: Sample) -> None:
        raise error

    with Sampler() as sampler:
        sampler.listen(fail)
        sampler.listen(told.append)
        sampler.sample()
    assert reported == [error]
    assert len(told) == 1


def test_the_thread_takes_samples_until_it_is_stopped() -> None:
    thrice = threading.Semaphore(0)
    with Sampler(0.001).start() as sampler:
        sampler.listen(lambda _: thrice.release())
        for _ in range(3):
            assert thrice.acquire(timeout=60)
    assert "rxflow-sampler" not in [thread.name for thread in threading.enumerate()]


def test_the_thread_goes_on_while_an_event_loop_is_busy() -> None:
    told = threading.Semaphore(0)

    async def busy() -> None:
        assert told.acquire(timeout=60)
        assert told.acquire(timeout=60)

    with Sampler(0.001).start() as sampler:
        sampler.listen(lambda _: told.release())
        asyncio.run(busy())


def test_the_thread_takes_a_fiftieth_of_a_processor_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sampler, taken, waits = Sampler(0.1), list[Sample](), list[float]()
    sampler.listen(taken.append)
    spent = iter([0.0, 0.001, 1.0, 1.03, 2.0, 2.0])  # by the thread: when a sample begins and ends
    monkeypatch.setattr(sampling, "thread_time", lambda: next(spent))

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            return len(waits) == 3

    sampling._sampling(weakref.ref(sampler), Stop(), sampler.every)
    assert waits == pytest.approx([0.1, 1.5, 0.1])
    assert len(taken) == 3
    sampler.stop()


def test_a_sample_whose_listener_stops_the_sampler_is_waited_for() -> None:
    sampler = Sampler(0.001)
    stopped, go_on, waited = threading.Event(), threading.Event(), threading.Event()

    def stop(_: Sample) -> None:
        sampler.stop()
        stopped.set()
        assert go_on.wait(60)

    def wait() -> None:
        sampler.stop()
        waited.set()

    sampler.listen(stop)
    sampler.start()
    assert stopped.wait(60)
    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not waited.wait(0.05)
    go_on.set()
    waiting.join(60)
    assert waited.is_set()
    assert "rxflow-sampler" not in [thread.name for thread in threading.enumerate()]


def test_a_sampler_that_nobody_has_any_more_ends() -> None:
    told = threading.Event()
    sampler = Sampler(0.001).start()
    sampler.listen(lambda _: told.set())
    assert told.wait(60)
    [thread] = [each for each in threading.enumerate() if each.name == "rxflow-sampler"]
    kept = weakref.ref(sampler)
    del sampler
    gc.collect()
    thread.join(60)
    assert not thread.is_alive()
    assert kept() is None


def test_as_a_task_it_keeps_to_the_time_of_the_loop() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        sampler = Sampler(2.0, clock=loop.time)
        begin, times = loop.time(), list[float]()
        sampler.listen(lambda sample: times.append(sample.at - begin))
        task = asyncio.create_task(sampler.run())
        await asyncio.sleep(5)
        task.cancel()
        await asyncio.wait([task])
        return times

    assert run_virtual(main()) == [0, 2, 4]


@pytest.mark.parametrize("every", [0, -1, float("nan")])
def test_the_time_between_samples_is_checked(every: float) -> None:
    with pytest.raises(ValueError, match="every must be above 0 seconds"):
        Sampler(every)
