"""Flow.subscribe and the other ways out: who gets what, who holds what, and what they raise."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import reactivex
from reactivex import Observable, Observer, Subject
from reactivex.abc import DisposableBase
from reactivex.disposable import SingleAssignmentDisposable
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow import operators as ops
from rxflow.testing import TestSubscriber
from tests.kernel.recorder import dropped_errors, in_thread
from tests.support import counted

Make = Callable[[Any], Observable[Any]]
LIKE_REACTIVEX = pytest.mark.parametrize(
    "make", [rx.from_iterable, reactivex.from_iterable], ids=["rxflow", "reactivex"]
)


# Who subscribes.


def test_a_subscriber_gets_its_subscription_first_and_it_is_returned() -> None:
    source = counted(range(3))
    probe = TestSubscriber()
    returned = rx.from_iterable(source).subscribe(probe)
    assert returned is probe.subscription
    assert isinstance(returned, rx.Subscription)
    assert probe.signals == ["on_subscribe"]
    assert source.asked == 0
    returned.request(2)
    assert probe.items == [0, 1]
    returned.dispose()
    assert source.closed == 1


def test_callbacks_mean_unbounded_demand() -> None:
    signals: list[Any] = []
    disposable = rx.of(1, 2).subscribe(signals.append, signals.append, lambda: signals.append("|"))
    assert signals == [1, 2, "|"]
    assert isinstance(disposable, DisposableBase)


def test_an_observer_means_unbounded_demand() -> None:
    signals: list[Any] = []
    rx.of(1, 2).subscribe(Observer(signals.append, signals.append, lambda: signals.append("|")))
    assert signals == [1, 2, "|"]


def test_a_subject_may_observe_a_flow() -> None:
    subject: Subject[int] = Subject()
    items: list[int] = []
    subject.subscribe(items.append)
    rx.of(1, 2).subscribe(subject)
    assert items == [1, 2]
    assert subject.is_stopped


def test_keyword_callbacks_may_be_left_out() -> None:
    ends: list[Any] = []
    rx.throw("broken").subscribe(on_error=lambda error: ends.append(str(error)))
    rx.of(1).subscribe(on_completed=lambda: ends.append("|"))
    assert ends == ["broken", "|"]


def test_subscribed_by_nobody_it_runs_to_its_end() -> None:
    source = counted(range(5))
    rx.from_iterable(source).subscribe()
    assert source.taken == 5
    assert source.closed == 1


class Duck:
    """An observer without a base class, which can be called too."""

    def __init__(self) -> None:
        self.signals: list[Any] = []

    def __call__(self, item: Any) -> None:
        raise AssertionError("it is an observer, not a function")

    def on_next(self, item: Any) -> None:
        self.signals.append(item)

    def on_error(self, error: Exception) -> None:
        self.signals.append(error)

    def on_completed(self) -> None:
        self.signals.append("|")


@LIKE_REACTIVEX
def test_what_has_on_next_is_an_observer_also_when_it_can_be_called(make: Make) -> None:
    duck = Duck()
    make([1]).subscribe(duck)  # type: ignore[call-overload]
    assert duck.signals == [1, "|"]


def test_the_scheduler_is_that_of_the_subscription() -> None:
    clock = TestScheduler()
    items: list[int] = []
    rx.of(1, 2).subscribe(items.append, scheduler=clock)
    assert items == []
    clock.start()
    assert items == [1, 2]


def test_two_observers_and_a_subscriber_know_nothing_of_each_other() -> None:
    flow = rx.range(3).pipe(ops.scan(lambda total, item: total + item))
    first: list[int] = []
    second: list[int] = []
    probe = TestSubscriber(2)
    flow.subscribe(first.append)
    flow.subscribe(probe)
    flow.subscribe(second.append)
    assert first == second == [0, 1, 3]
    assert probe.items == [0, 1]


# Who holds the disposable, and when.


@LIKE_REACTIVEX
def test_inside_of_another_subscribe_the_caller_holds_its_disposable_before_items_come(
    make: Make,
) -> None:
    items: list[int] = []
    held = SingleAssignmentDisposable()

    def take_one(item: int) -> None:
        items.append(item)
        held.dispose()

    def begin(observer: Any, scheduler: Any) -> Any:
        held.disposable = make(range(100)).subscribe(take_one)
        assert items == []

    reactivex.create(begin).subscribe(lambda item: None)
    assert items == [0]


def test_a_source_that_is_disposed_of_inside_an_item_is_taken_no_further_and_closed() -> None:
    source = counted(count())
    items: list[int] = []
    held = SingleAssignmentDisposable()

    def take_two(item: int) -> None:
        items.append(item)
        if item == 1:
            held.dispose()

    def begin(observer: Any, scheduler: Any) -> Any:
        held.disposable = (
            rx.from_iterable(source).pipe(ops.map(lambda item: item)).subscribe(take_two)
        )

    reactivex.create(begin).subscribe(lambda item: None)
    assert items == [0, 1]
    assert source.taken == 2
    assert source.closed == 1


def test_a_stock_operator_that_stops_its_source_stops_an_endless_flow() -> None:
    source = counted(count())
    items: list[int] = []
    stop: Subject[Any] = Subject()

    def seen(item: int) -> None:
        items.append(item)
        if item == 2:
            stop.on_next(None)

    plain = rx.from_iterable(source)
    reactivex.defer(lambda _: plain).pipe(
        reactivex.operators.take_until(stop), reactivex.operators.do_action(seen)
    ).subscribe(lambda item: None)
    assert items == [0, 1, 2]
    assert source.taken == 3
    assert source.closed == 1


def test_a_stock_take_outside_of_a_pipe_stops_an_endless_flow() -> None:
    source = counted(count())
    items: list[int] = []
    with_take = reactivex.operators.take(3)
    reactivex.defer(lambda _: rx.from_iterable(source)).pipe(with_take).subscribe(items.append)
    assert items == [0, 1, 2]
    assert source.taken == 3


@LIKE_REACTIVEX
def test_at_the_top_the_items_of_a_ready_source_come_before_subscribe_returns(
    make: Make,
) -> None:
    items: list[int] = []
    returned = make([1, 2]).subscribe(items.append)
    assert items == [1, 2]
    returned.dispose()
    returned.dispose()


def test_disposing_of_a_push_source_disposes_of_it_at_once() -> None:
    subject: Subject[int] = Subject()
    items: list[int] = []
    disposable = subject.pipe(ops.on_backpressure_buffer(3)).subscribe(items.append)
    subject.on_next(1)
    disposable.dispose()
    assert not subject.observers
    subject.on_next(2)
    assert items == [1]


def test_an_observer_that_disposes_inside_an_item_of_a_push_source_gets_no_more() -> None:
    subject: Subject[int] = Subject()
    items: list[int] = []

    def once(item: int) -> None:
        items.append(item)
        disposable.dispose()

    disposable = subject.pipe(ops.on_backpressure_buffer(3)).subscribe(once)
    subject.on_next(1)
    assert not subject.observers
    subject.on_next(2)
    assert items == [1]


# An observer that raises.


class BrokenError(Exception):
    """Raised by a test observer."""


@LIKE_REACTIVEX
@pytest.mark.parametrize("signal", ["on_next", "on_completed"])
def test_what_an_observer_raises_comes_out_of_subscribe(make: Make, signal: str) -> None:
    seen: list[Any] = []

    def raises(*args: Any) -> None:
        seen.append(args)
        raise BrokenError

    with pytest.raises(BrokenError):
        make([1, 2]).subscribe(**{signal: raises})
    assert len(seen) == 1
    items: list[int] = []
    make([1, 2]).subscribe(items.append)  # nothing is left on the trampoline
    assert items == [1, 2]


@pytest.mark.parametrize("throw", [rx.throw, reactivex.throw], ids=["rxflow", "reactivex"])
def test_an_error_that_nobody_takes_comes_out_of_subscribe(throw: Any) -> None:
    failure = ValueError("nobody takes it")
    with pytest.raises(ValueError, match="nobody takes it"):
        throw(failure).subscribe()
    with pytest.raises(BrokenError):
        throw(failure).subscribe(on_error=lambda error: (_ for _ in ()).throw(BrokenError()))


def test_an_observer_that_raises_cancels_upstream() -> None:
    source = counted(range(5))
    ends: list[Any] = []

    def raises(item: int) -> None:
        raise BrokenError

    with pytest.raises(BrokenError):
        rx.from_iterable(source).pipe(ops.map(lambda item: item)).subscribe(
            raises, ends.append, lambda: ends.append("|")
        )
    assert source.taken == 1
    assert source.closed == 1
    assert ends == []


def test_what_an_observer_raises_reaches_whoever_pushes() -> None:
    subject: Subject[int] = Subject()

    def raises(item: int) -> None:
        raise BrokenError

    subject.pipe(ops.on_backpressure_buffer(3), ops.map(str)).subscribe(raises)
    with pytest.raises(BrokenError):
        subject.on_next(1)
    assert not subject.observers
    subject.on_next(2)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_passes_through_and_cancels(interrupt: type[BaseException]) -> None:
    source = counted(range(5))

    def raises(item: Any) -> None:
        raise interrupt

    with pytest.raises(interrupt):
        rx.from_iterable(source).subscribe(raises)
    assert source.closed == 1
    source = counted(range(5))
    with pytest.raises(interrupt):
        rx.from_iterable(source).pipe(ops.map(raises)).subscribe(TestSubscriber(1))
    assert source.closed == 1


@pytest.mark.parametrize("signal", ["on_subscribe", "on_next", "on_error", "on_completed"])
def test_what_a_subscriber_raises_cancels_and_goes_to_the_hook_rule_2_13(signal: str) -> None:
    failure = BrokenError()

    class Raising(TestSubscriber):
        def __getattribute__(self, name: str) -> Any:
            if name == signal:
                return self._raise
            return super().__getattribute__(name)

        def _raise(self, *args: Any) -> None:
            raise failure

    source = counted([1, 2])
    flow = rx.from_iterable(source)
    if signal == "on_error":
        flow = flow.pipe(ops.map(lambda item: 1 // 0))
    probe = Raising(5)
    with dropped_errors() as errors:
        flow.subscribe(probe)
    assert errors == [failure]
    assert source.closed == (0 if signal == "on_subscribe" else 1)
    assert probe.signals.count("on_next") <= 2


# Where demand gets lost.


def unknown(flow: Any) -> Any:
    return reactivex.create(lambda observer, scheduler: flow.subscribe(observer))


def test_an_unknown_callable_is_called_with_the_flow_and_its_loss_of_demand_is_said() -> None:
    flow = rx.range(3)
    with pytest.warns(rx.DemandBoundaryWarning, match="unknown") as warned:
        result = flow.pipe(unknown)
    assert not isinstance(result, rx.Flow)
    assert [warning.filename for warning in warned] == [__file__]
    assert "on_backpressure_buffer" in str(warned[0].message)
    items: list[int] = []
    result.subscribe(items.append)
    assert items == [0, 1, 2]


def test_an_unknown_callable_that_gives_a_flow_or_something_else_is_not_warned_about() -> None:
    assert list(rx.range(3).pipe(lambda flow: flow.pipe(ops.take(1)))) == [0]
    assert rx.range(3).pipe(list) == [0, 1, 2]


@pytest.mark.parametrize("multicast", [reactivex.operators.multicast, ops.multicast])
def test_a_stock_multicast_is_warned_about_and_works(multicast: Any) -> None:
    source = counted(range(3))
    with pytest.warns(rx.DemandBoundaryWarning, match="multicast subscribes once for") as warned:
        shared = rx.from_iterable(source).pipe(multicast(rx.Subject()))
    assert [warning.filename for warning in warned] == [__file__]
    items: list[int] = []
    shared.subscribe(items.append)
    shared.connect()
    assert items == [0, 1, 2]


@pytest.mark.parametrize("share", [reactivex.operators.share, ops.share])
def test_a_share_keeps_demand_unless_the_stock_one_is_asked_for(share: Any) -> None:
    source = counted(range(3))
    shared = rx.from_iterable(source).pipe(share())
    assert isinstance(shared, rx.SharedFlow)
    assert list(shared) == [0, 1, 2]
    with pytest.warns(rx.DemandBoundaryWarning, match="share subscribes once for many"):
        stock = rx.from_iterable(source).pipe(rx.lift(reactivex.operators.share()))
    assert not isinstance(stock, rx.Flow)


def test_a_native_pipe_is_not_warned_about() -> None:
    flow = rx.range(9).pipe(
        ops.map(str), reactivex.operators.pairwise(), ops.delay(0.0), ops.take(1)
    )
    assert isinstance(flow, rx.Flow)


# + and iteration.


def test_a_flow_plus_another_source_keeps_demand() -> None:
    first, second = counted(range(2)), counted(range(2, 5))
    both = rx.from_iterable(first) + rx.from_iterable(second)
    assert isinstance(both, rx.Flow)
    probe = TestSubscriber(3)
    both.subscribe(probe)
    assert probe.items == [0, 1, 2]
    assert second.taken == 1
    assert list(rx.of(1) + reactivex.of(2)) == [1, 2]  # type: ignore[operator]
    flow = rx.of(1)
    flow += rx.of(2)
    assert list(flow) == [1, 2]


def test_a_plain_observable_plus_a_flow_gives_the_items_of_both() -> None:
    items: list[int] = []
    (reactivex.of(1) + rx.of(2, 3)).subscribe(items.append)
    assert items == [1, 2, 3]


def test_a_for_loop_pulls_one_at_a_time_and_closes_what_it_leaves() -> None:
    source = counted(count())
    seen: list[int] = []
    for item in rx.from_iterable(source).pipe(ops.map(lambda item: item * 2)):
        assert source.taken == len(seen) + 1
        seen.append(item)
        if len(seen) == 3:
            break
    assert seen == [0, 2, 4]
    iterator = iter(rx.from_iterable(source))
    assert source.taken == 3
    assert next(iterator) == 3
    before = source.closed
    iterator.close()  # type: ignore[attr-defined]
    assert source.closed == before + 1


def test_a_for_loop_raises_what_the_flow_fails_with() -> None:
    items = iter(rx.range(3).pipe(ops.map(lambda item: 6 // (1 - item))))
    assert next(items) == 6
    with pytest.raises(ZeroDivisionError):
        next(items)


def test_a_for_loop_waits_for_a_source_on_another_thread() -> None:
    def begin(emitter: rx.Emitter[int]) -> None:
        def produce() -> None:
            for item in range(100):
                emitter.on_next(item)
            emitter.on_completed()

        threads.append(in_thread(produce))

    threads: list[Any] = []
    flow = rx.create(begin, overflow=rx.BLOCK, capacity=3)
    assert list(flow.pipe(ops.map(str))) == [str(item) for item in range(100)]
    threads[0]()


@pytest.mark.parametrize("demand", [1, 5, rx.UNBOUNDED])
def test_the_end_is_signalled_once_to_every_kind_of_subscriber(demand: int) -> None:
    probe = TestSubscriber(demand)
    rx.of(1).subscribe(probe)
    probe.request(5)
    probe.cancel()
    assert probe.signals == ["on_subscribe", "on_next", "on_completed"]
