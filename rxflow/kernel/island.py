"""An island: a run of synchronous stages over a source, fused into one chain of iterators."""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence, Sized
from functools import partial
from itertools import chain, compress, islice, repeat
from operator import length_hint
from sys import maxsize
from typing import Any, cast

from . import hooks
from .drain import Drain
from .feed import NOTHING, Context, Feed, Few, Server, State
from .latency import NANOS
from .metering import SAMPLED, Meter, Timed, Times, by_stage, shares_of
from .queues import One
from .rows import TIMES, Row
from .stage import Plain, Stage, StageFactory, operator_of, operators_of
from .statistics import StageStatistics, retime, timed

TIMED = 32
"""Of a run that is timed, so many inputs are (items)."""

_PLAIN = {Plain}

_ZERO = array("q", (0,))  # times so many, it takes no more room than that


class Island(Feed[Any]):
    """Stages over the Feed of a source.

    Pulling one item out of the end of the chain pulls exactly what is needed at
    its start, so demand needs no arithmetic here.
    """

    __slots__ = (
        "_count",
        "_failure",
        "_few",
        "_few_run",
        "_few_timed",
        "_makes",
        "_meter",
        "_one",
        "_one_run",
        "_one_timed",
        "_others",
        "_pulls",
        "_runs",
        "_server",
        "_source",
        "_spent",
        "_stages",
        "_started",
        "_state",
        "enter",
        "sample",
        "steady",
    )

    def __init__(self, source: Feed[Any], stages: Sequence[StageFactory], context: Context) -> None:
        """Make the stages of one subscription."""
        self._source = source
        self.steady: bool = source.steady
        self._makes = stages
        self._stages: Sequence[Stage] = ()
        self._others: Sequence[Stage] = ()
        if {*map(type, stages)} == _PLAIN:
            self._stages = cast("tuple[Plain, ...]", stages)  # they are what they make
        else:
            self._stages = [make(context) for make in stages]
            self._others = [stage for stage in self._stages if type(stage) is not Plain]
        self._pulls = context.pulls
        self._few: Few | None = None  # what the last run has pulled, if it was one of few items
        self._few_run: Iterator[Any] | None = None  # the stages over it, once they were needed
        self._server: Any = None  # the Drain that takes what comes of a single item at once
        self._one = One()
        self._one_run: Iterator[Any] | None = None  # the stages over that, once there was one
        # What the source said when the chain reached its end; None while it has not.
        self._state: State | None = None
        self._started = False
        self._failure: Exception | None = None  # of the source, heard before it was pulled
        self._meter = context.meter
        self._runs = 0  # how many there were
        # Of the inputs that were timed: how many, and how long it took to have them from the
        # source, and then from each stage with all those before it (nanoseconds).
        self.sample: int = 0
        self._spent = _ZERO * (len(stages) + 1)
        self._few_timed: Iterator[Any] | None = None  # the same as _few_run, timed
        self._one_timed: Iterator[Any] | None = None  # the same as _one_run, timed
        # Counts the inputs, where the source does not, by how many are left.
        self._count = None if source.tally() is not None else repeat(True, maxsize)

    @property
    def hot(self) -> bool:
        """As the source."""
        return self._source.hot

    def serve(self, server: Server) -> None:
        """Turn single items of the source into what becomes of them."""
        if not self._others and not self._pulls and isinstance(server, Drain):
            self._server = server
            self.enter: Callable[[Sized], bool | None] = server.enter
            self._source.serve(cast("Server", self))

    def hand(self, item: Any) -> None:
        """Hand on what becomes of a single item.

        Args:
            item: It.
        """
        one = self._one
        one.item, one.ended = item, False
        server, began = self._server, None
        meter = server.meter
        if (meter.handed + 1) & SAMPLED:  # by which the Drain goes, too
            run = self._one_run = self._one_run or self._chained(one)
        else:
            self.sample += 1
            run = self._one_timed = self._one_timed or self._chained(one, timed=True)
            began = meter.now()
        try:
            made = next(run, NOTHING)
            if made is NOTHING and not one.ended:
                self._false_end()
        except BaseException as error:
            made = NOTHING
            server.failed(error)
        server.hand(made, began)

    def start(self) -> None:
        """Start the source, unless a stage is done already (``take(0)``)."""
        if not self._done():
            self._started = True
            self._source.start()

    def run(self) -> Iterator[Any]:
        """Chain the stages over what the source has now."""
        if self._started:
            self._state = None
            timed = not (self._runs & SAMPLED and self.sample)
            self._runs += 1
            self._few = None if self._others or self._pulls else self._source.few()
            if self._few is not None:
                return self._run_of_few(self._few, timed)
            items = chain.from_iterable(self._parts()) if timed else self._chained(self._inputs())
        else:
            self._state = State.WAITING
            items = self._chained(iter(()))
        # A consumer that takes a part of a run at a time does not see where the run ends.
        return chain(items, self._witness()) if self._pulls else items

    def _run_of_few(self, few: Few, timed: bool) -> Iterator[Any]:
        """Chain the stages over few items, or take the chain that there is."""
        if not timed:
            run = self._few_run = self._few_run or self._chained(few)
            return run
        if self._few_timed is None:
            self._few_timed = self._chained(_Counted(self, few), timed=True)
        return self._few_timed

    def _inputs(self) -> Iterator[Any]:
        """Give what the stages pull: the source and its end, but nothing once one is done."""
        if self._done():
            return iter(())
        if self._failure is not None:
            return self._end()
        return chain(self._pulled(), self._end())

    def _pulled(self) -> Iterator[Any]:
        """Make a run of the source."""
        run = self._source.run()
        return run if self._count is None else compress(run, self._count)

    def _parts(self) -> Iterator[Iterator[Any]]:
        """Chain the stages over the first inputs, timed, then over the rest of the same run."""
        if self._done() or self._failure is not None:
            yield self._chained(self._inputs())
            return
        run = self._pulled()
        if self._others:
            inputs = islice(run, TIMED)
        else:  # stages that do nothing without an input are not put behind none
            began = self._meter.now()
            item = next(run, NOTHING)
            if item is NOTHING:
                yield self._end()
                return
            took = self._meter.now() - began
            for index in range(len(self._spent)):  # the time of each includes those before it
                self._spent[index] += took
            inputs = chain((item,), islice(run, TIMED - 1))
        first = _Counted(self, inputs)
        yield self._chained(chain(first, self._part_end(first)), timed=True)
        if first.count == TIMED and self._state is State.READY and not self._done():
            self._state = None
            yield self._chained(chain(run, self._end()))

    def _part_end(self, first: _Counted) -> Iterator[Any]:
        """Stand behind the inputs that are timed: tells whether the run is exhausted."""
        if first.count < TIMED:
            yield from self._end()
        self._state = self._state or State.READY

    def _chained(self, items: Iterator[Any], timed: bool = False) -> Iterator[Any]:
        if timed:
            items = Timed(items, self._meter.now, self._spent, 0)
        for index, stage in enumerate(self._stages, 1):
            items = stage.run(items)
            if stage.releases:
                items = chain(items, self._finish(stage))
            if timed:
                items = Timed(items, self._meter.now, self._spent, index)
        return items

    def _done(self) -> bool:
        """Tell whether a stage is done, so that nothing more comes."""
        for stage in self._others:  # noqa: SIM110 - any() costs more than the loop
            if stage.done:
                return True
        return False

    def _end(self) -> Iterator[Any]:
        """Stand behind the source: tells its true end, or its failure, to the chain."""
        if self._failure is not None:
            raise self._failure
        self._state = self._source.settle()
        return
        yield

    def _finish(self, stage: Stage) -> Iterator[Any]:
        """Stand behind a stage that releases items at the end; then it is done."""
        if stage.done or not (self._state is State.ENDED or self._done()):
            return
        behind = self._others[self._others.index(stage) + 1 :]
        if any(each.done for each in behind):  # nobody takes anything any more
            return
        released = iter(stage.finish())
        item = next(released, NOTHING)
        while item is not NOTHING:
            following = next(released, NOTHING)
            stage.done = following is NOTHING
            yield item
            item = following
        stage.done = True

    def _witness(self) -> Iterator[Any]:
        """Stand behind the last stage: tells a false end, which no part of it has meant."""
        if self._state is None and not self._done():
            self._false_end()
        return
        yield

    def _false_end(self) -> None:
        raise RuntimeError(
            "a callback of the pipeline raised StopIteration; "
            "catch it in the callback, it would end the stream silently"
        )

    def settle(self) -> State:
        """End with the source, or as soon as a stage is done."""
        if self._others and self._done():
            return State.ENDED
        if self._few is not None and self._few.ended:
            return self._source.settle()
        if self._state is None:
            if self._failure is not None:  # it was raised already, and whoever pulls has gone on
                raise self._failure
            if not self._pulls:
                self._false_end()
            return State.READY
        return self._state

    def ending(self) -> bool:
        """Tell whether the source is at its end and no stage holds anything back."""
        ending = self._failure is not None
        if not ending and self._started and not self._done():  # else the source has no say
            try:
                ending = self._source.ending()
                if ending:
                    self._state = self._source.settle()
            except Exception as error:  # it is for the stages first
                self._failure = error
                ending = True
        failing = self._failure is not None
        for stage in self._others:
            if stage.done:
                ending, failing = True, False
            elif ending:
                # A failure overtakes what only a completion would release, and nothing else.
                held = stage.holds() and not (failing and stage.releases)
                ending = not (held or (failing and stage.catches))
        return ending

    def want(self, n: int) -> None:
        """Pass demand on to the source, in inputs of the first stage."""
        for stage in reversed(self._others):  # the plain ones need one input for an output
            n = stage.demand(n)
        self._source.want(n)

    def more(self, n: int) -> None:
        """Pass it on to the source, where an output needs one input."""
        if not self._others:
            self._source.more(n)

    def advance(self) -> Awaitable[object] | None:
        """Advance the source."""
        return self._source.advance()

    def cancel(self) -> None:
        """Cancel the source, then tell the stages, first to last."""
        self._few_timed = None  # it refers to this: what is over is let go of at once
        parts = (self._source, *self._others) if self._started else self._others
        for part in parts:
            hooks.reporting(part.cancel)  # the others are told all the same

    def tally(self) -> int | None:
        """Count the items, where each is one of the source."""
        return None

    def _figures(
        self,
        source: Callable[[], Iterable[StageStatistics]],
        stages: Iterable[str | StageStatistics],
    ) -> Callable[[], list[StageStatistics]]:
        """Give what makes the figures of those before it, and its own."""
        works = self._source.works
        return partial(_figured, source, stages, self._spent, self._each(), works, self._meter)

    def _each(self) -> float:
        """Say what the times of the sample are to be multiplied by, for all inputs (seconds)."""
        if not self.sample:
            return 0.0
        count = self._source.tally() if self._count is None else maxsize - length_hint(self._count)
        return (count or 0) / (self.sample * NANOS)

    def record(self) -> Callable[[], Iterable[StageStatistics]]:
        """Give what makes the figures: they are made when somebody asks for them, if ever."""
        return self._figures(self._source.record(), self._own())

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the source's figures, then those of each stage."""
        return iter(self._figures(self._source.statistics, self._own())())

    def row(self, row: Row, meter: Meter, times: Times, pulled: float | None = None) -> float:
        """Put the same figures into a row; see :class:`Feed`."""
        each = self._each() if self.sample else 0.0
        pulled = self._spent[0] * each
        if meter is not self._meter:
            times = self._meter.times()
        self._source.row(row, self._meter, times, pulled)
        shares = shares_of(times[0] / NANOS, times[1] / NANOS + pulled, self._spent, each)
        for stage in self._others:
            if type(stage).statistics is not Stage.statistics:
                self._put_records(row, shares)
                break
        else:
            row.shape += (operators_of(self._makes), TIMES)
            row.figures += shares
        return shares[-3]

    def _put_records(self, row: Row, shares: list[float]) -> None:
        """Put the figures of the stages into a row, of which some tell records."""
        for stage, share in zip(self._own(), by_stage(shares), strict=True):
            if isinstance(stage, str):
                row.shape += (stage, TIMES)
                row.figures += share
            else:
                retime(stage, *share)
                row.put_records([stage], (0, 0))

    def _own(self) -> Sequence[str | StageStatistics]:
        """Give the figures of each stage, or its name, where it has none."""
        if not self._others:
            return operators_of(self._makes)
        stages: list[str | StageStatistics] = []
        for make, stage in zip(self._makes, self._stages, strict=True):
            quiet = type(stage).statistics is Stage.statistics  # as most are
            stages += (() if quiet else [*stage.statistics()]) or (operator_of(make),)
        return stages


def _figured(
    source: Callable[[], Iterable[StageStatistics]],
    stages: Iterable[str | StageStatistics],
    spent: array[int],
    each: float,
    works: bool,
    meter: Meter,
) -> list[StageStatistics]:
    """Give the figures of an island.

    Args:
        source: Gives those before it.
        stages: The figures of each stage, or its name.
        spent: How long the samples took, from the source and then with each stage (nanoseconds).
        each: What is to be multiplied by, for all inputs (seconds).
        works: Functions of the user make the items of the source.
        meter: Of the edge.
    """
    parts = list(source())
    pulled = spent[0] * each
    if works and parts:
        parts[-1].__dict__["working_seconds"] = pulled
    parts = meter.fill(parts, pulled)
    life, starved = meter.times()
    shares = shares_of(life / NANOS, starved / NANOS + pulled, spent, each)
    for stage, times in zip(stages, by_stage(shares), strict=True):
        if isinstance(stage, str):
            parts.append(timed(stage, *times))
        else:
            retime(stage, *times)
            parts.append(stage)
    return parts


class _Counted(Few):
    """Counts the inputs of an island that are timed."""

    __slots__ = ("_island", "_items", "count")

    def __init__(self, island: Island, items: Iterator[Any]) -> None:
        self._island = island
        self._items = items
        self.count: int = 0

    def __next__(self) -> Any:
        item = next(self._items)
        self.count += 1
        self._island.sample += 1
        return item
