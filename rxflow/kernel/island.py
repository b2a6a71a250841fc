"""An island: a run of synchronous stages over a source, fused into one chain of iterators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import chain
from typing import Any, cast

from . import hooks
from .drain import Drain
from .feed import NOTHING, Context, Feed, Few, Server, State
from .queues import One
from .stage import Plain, StageFactory
from .statistics import StageStatistics


class Island(Feed[Any]):
    """Stages over the Feed of a source.

    Pulling one item out of the end of the chain pulls exactly what is needed at
    its start, so demand needs no arithmetic here.
    """

    __slots__ = (
        "_failure",
        "_few",
        "_few_run",
        "_one",
        "_one_run",
        "_others",
        "_pulls",
        "_server",
        "_source",
        "_stages",
        "_started",
        "_state",
        "enter",
        "steady",
    )

    def __init__(self, source: Feed[Any], stages: Sequence[StageFactory], context: Context) -> None:
        """Make the stages of one subscription."""
        self._source = source
        self.steady: bool = source.steady
        self._stages = [make(context) for make in stages]
        self._others = [stage for stage in self._stages if type(stage) is not Plain]
        self._pulls = context.pulls
        self._few: Few | None = None  # what the last run has pulled, if it was one of few items
        self._few_run: Iterator[Any] | None = None  # the stages over it, once they were needed
        self._server: Drain | None = None  # takes what comes of a single item at once
        self._one = One()
        self._one_run: Iterator[Any] | None = None  # the stages over that, once there was one
        # What the source said when the chain reached its end; None while it has not.
        self._state: State | None = None
        self._started = False
        self._failure: Exception | None = None  # of the source, heard before it was pulled

    @property
    def hot(self) -> bool:
        """As the source."""
        return self._source.hot

    def serve(self, server: Server) -> None:
        """Turn single items of the source into what becomes of them."""
        if not self._others and not self._pulls and isinstance(server, Drain):
            self._server = server
            self.enter: Callable[[], bool] = server.enter
            self._source.serve(cast("Server", self))

    def hand(self, item: Any) -> None:
        """Hand on what becomes of a single item.

        Args:
            item: It.
        """
        assert self._server is not None
        one = self._few = self._one
        self._state = None
        one.item, one.ended = item, False
        self._one_run = self._one_run or self._chained(one)
        self._server.hand_on(one, self._one_run)

    def start(self) -> None:
        """Start the source, unless a stage is done already (``take(0)``)."""
        if not self._done():
            self._started = True
            self._source.start()

    def run(self) -> Iterator[Any]:
        """Chain the stages over what the source has now."""
        if self._started:
            self._state = None
            self._few = None if self._others or self._pulls else self._source.few()
            if self._few is not None:
                self._few_run = self._few_run or self._chained(self._few)
                return self._few_run
            items = self._inputs()
        else:
            self._state = State.WAITING
            items = iter(())
        items = self._chained(items)
        # A consumer that takes a part of a run at a time does not see where the run ends.
        return chain(items, self._witness()) if self._pulls else items

    def _inputs(self) -> Iterator[Any]:
        """Give what the stages pull: the source and its end, but nothing once one is done."""
        if self._done():
            return iter(())
        return self._end() if self._failure is not None else chain(self._source.run(), self._end())

    def _chained(self, items: Iterator[Any]) -> Iterator[Any]:
        for index, stage in enumerate(self._stages):
            items = stage.run(items)
            if stage.releases:
                items = chain(items, self._finish(index))
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

    def _finish(self, index: int) -> Iterator[Any]:
        """Stand behind a stage that releases items at the end; then it is done."""
        stage, before = self._stages[index], self._stages[:index]
        if stage.done or not (self._state is State.ENDED or any(s.done for s in before)):
            return
        if any(s.done for s in self._stages[index + 1 :]):  # nobody takes anything any more
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
        if not ending and self._started:
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
        parts = (self._source, *self._others) if self._started else self._others
        for part in parts:
            hooks.reporting(part.cancel)  # the others are told all the same

    def statistics(self) -> Iterator[StageStatistics]:
        """Give the source's figures, and those of stages that count something."""
        yield from self._source.statistics()
        for stage in self._others:
            yield from stage.statistics()
