"""The law itself: what must hold of a pipeline whenever nothing is under way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from types import CodeType
from typing import Any

from reactivex import Observer
from reactivex.internal import ArgumentOutOfRangeException, SequenceContainsNoElementsError
from reactivex.scheduler import ImmediateScheduler
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

import rxflow as rx
from rxflow.kernel import HANDOVER
from rxflow.protocol import BufferOverflowError, OfferTimeoutError
from rxflow.testing import TestSubscriber

from . import law_callbacks
from .law_callbacks import CallbackError, Journal, Run, SourceError, steps
from .law_models import PENDING, Make, alike, evaluated, in_turns, is_within, replayed
from .law_parts import OTHER
from .law_scripts import Example, Part, Piece
from .law_table import Kind

LOOPS = (
    *("limit_rate", "observe_on", "subscribe_on", "delay", "delay_with_mapper"),
    "backpressure_timeout",
)
"""The operators behind which a loop of their own pulls."""

TIMED = ("buffer", "buffer_when", "buffer_with_time", "buffer_with_time_or_count")
"""The operators that hold items until it is time."""

WAITING = (
    *("zip", "zip_latest", "with_latest_from", "combine_latest", "merge_sorted"),
    *("fork_join", "sequence_equal", "join", "open items"),
    *("map_async", "map_async_partitioned", "adaptive_concurrency"),
    *TIMED,
)
"""The operators that hold what waits for a partner, for a call, or for its time."""

PLANNED = (
    *(CallbackError, SourceError, ValueError, BufferOverflowError),
    *(SequenceContainsNoElementsError, ArgumentOutOfRangeException),
)
"""What may come too late for the subscriber: what is planted, and what operators fail with."""

NAMES: dict[str, Any] = {
    **vars(law_callbacks),
    "Observer": Observer,
    "ImmediateScheduler": ImmediateScheduler,
    "Subject": Subject,
    "TestScheduler": TestScheduler,
    "TestSubscriber": TestSubscriber,
    "partial": partial,
}


@lru_cache(1024)
def compiled(text: str, mode: str) -> CodeType:
    return compile(text, "<example>", mode)


class Law:
    """The run of one example, and what must hold of it.

    Attributes:
        subscriber: Who has subscribed.
        reported: What was given to the hook for dropped errors.
        happened: What was done so far.
        told: What the subscriber had been told after the setting, and after each action.
    """

    def __init__(self, example: Example) -> None:
        self.example = example
        self.pieces = example.pieces()
        self.names = dict(NAMES)
        self.happened: list[str] = []
        self.reported: list[BaseException] = []
        for statement in example.setting():
            exec(compiled(statement, "exec"), self.names)
        self.subscriber: TestSubscriber[int] = self.names["subscriber"]
        self.producer: Any = self.names["producer"]
        self.journal: Journal = self.names["journal"]
        self.told = [self._told()]

    def act(self, action: str) -> None:
        """Do something to the pipeline."""
        self.happened.append(action)
        exec(compiled(action, "exec"), self.names)
        self.told.append(self._told())

    def _told(self) -> tuple[int, str]:
        return len(self.subscriber.items), repr(self.subscriber.error or self.subscriber.completed)

    def __str__(self) -> str:
        """Tell what has happened."""
        runs = {
            joint: [(run.items, "open" if run.end is run else run.end) for run in noted]
            for joint, noted in self.journal.runs.items()
        }
        parts = "\n".join(f"  {part}" for part in self.subscriber.subscription.statistics())
        return (
            f"what came, by action:\n{self._marble()}\n{self.subscriber}\njoints: {runs}\n"
            f"dropped: {self.journal.dropped}\ndiscarded: {self.journal.discarded}\n{parts}"
        )

    def _marble(self) -> str:
        """Draw the run from top to bottom: what was done, what was given, and how it ended."""
        lines: list[str] = []
        before = 0
        for action, (count, end) in zip(("subscribe", *self.happened), self.told, strict=False):
            given = ", ".join(map(str, self.subscriber.items[before:count]))
            lines.append(f"  {action:40} {given}{'' if end == 'False' else ' | ' + end}")
            before = count
        return "\n".join(lines)

    def check(self) -> None:
        """Check all of it."""
        try:
            self._check()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self}") from None

    def _check(self) -> None:
        subscriber = self.subscriber
        assert not subscriber.violations, subscriber.violations
        ends = [signal for signal in subscriber.signals if signal in ("on_error", "on_completed")]
        assert len(ends) <= 1, f"several ends: {ends}"
        for error in self.reported:
            assert isinstance(error, PLANNED) or type(error) is Exception, f"reported: {error!r}"
        for piece, following in zip(self.pieces, self.pieces[1:], strict=False):
            if piece.part is not None or piece.joint == "source":
                if following.joint in self.journal.runs:
                    self._check_part(piece, following.joint)
            elif following.joint in self.journal.runs and following.joint != "source":
                self._check_functions(piece, following.joint)
        self._check_tail()
        self._check_progress()
        self._check_figures()

    # What is known of the run.

    @property
    def stopped(self) -> bool:
        """Whether the subscriber has cancelled, has raised, or has asked for nothing at all."""
        raised = 0 < self.example.raise_at <= len(self.subscriber.items)
        wrong = "subscriber.request(0)" in self.happened
        return self.subscriber.cancelled or raised or wrong

    def _did(self, text: str) -> bool:
        return any(text in action for action in self.happened)

    def _runs(self, joint: str) -> list[Run]:
        return self.journal.runs.get(joint, [])

    def _items(self, joint: str) -> list[int]:
        if joint == "source" and self.example.source.kind == "create":
            return list(self.producer.entered)
        return [item for run in self._runs(joint) for item in run.items]

    def _end(self, joint: str) -> Any:
        """Give how a joint has ended that was subscribed to once: PENDING while it has not."""
        runs = self._runs(joint)
        return runs[0].end if runs and runs[0].end is not runs[0] else PENDING

    def _source(self, piece: Piece) -> Make:
        """Make the iterator over what has come to a joint."""
        if not piece.joint:
            source = self.example.source
            return lambda: steps(source.length, source.fails)
        return replayed(self._runs(piece.joint))

    # Functions.

    def _made(self, functions: Iterable[Part], make: Make) -> tuple[list[int], Any]:
        """Give all that the models make of a source, and the end."""
        for part in functions:
            call = eval(compiled(part.call, "eval"), dict(NAMES)) if part.call else None
            make = part.row.model(call, part.n, part.m)(make)
        return evaluated(make)

    def _check_functions(self, piece: Piece, following: str) -> None:
        expected, end = self._made(piece.functions, self._source(piece))
        for run in self._runs(following):  # several, where a source that is pulled is begun anew
            self._check_prefix(following, run, expected, end)

    def _check_prefix(self, joint: str, run: Run, expected: list[int], end: Any) -> None:
        items, ended = run.items, run.end
        assert items == expected[: len(items)], f"{joint}: {items} is not of {expected}"
        if ended is not run:
            assert len(items) == len(expected), f"{joint}: {items} ended before {expected}"
            assert alike(ended, end), f"{joint}: {ended!r} is not the end {end!r}"

    def _check_tail(self) -> None:
        """Check what was delivered: as much as was asked for of what the model gives."""
        tail = self.pieces[-1]
        if tail.joint == "0" and not self.example.tapped:
            self._check_untapped(tail)
        else:
            self._check_delivered(*self._made(tail.functions, self._source(tail)))

    def _check_delivered(self, expected: list[int], end: Any) -> None:
        subscriber = self.subscriber
        items, asked = subscriber.items, subscriber.requested
        if self.stopped:
            assert items == expected[: len(items)], f"{items} is not the beginning of {expected}"
            for limit in (self.example.cancel_after, self.example.raise_at):
                assert not limit or len(items) <= limit, f"more than {limit} came"
            return
        assert items == expected[:asked], f"{asked} of {expected} are to come, not {items}"
        if subscriber.ended:
            assert asked >= len(expected), f"ended before {expected} were asked for"
            assert alike(subscriber.error, end), f"{subscriber.error!r} is not the end {end!r}"
        elif end is not PENDING:
            assert asked <= len(expected), f"the end {end!r} has not come"

    def _check_untapped(self, tail: Piece) -> None:
        """Check what was delivered, where what left the door is told by its figures only."""
        dropped = self.journal.dropped.get("source", [])
        lost = Counter(item for item, _ in dropped)
        kept = [item for item in self._items("source") if not lost[item]]
        name = self._name(self.pieces[1])
        left = sum(part.delivered for part in self._figures() if part.name == name)
        assert left <= len(kept)
        ends: list[Any] = [PENDING, *[None] * self._did("on_completed")]
        if self._did("on_error"):
            ends.append(SourceError("the source"))
        if any(reason == "overflow" for _, reason in dropped):
            ends.append(BufferOverflowError(name, 0, 0, 0, None))
        door = self.example.source.door
        if door is not None and 0 < door.fuse <= len(dropped):
            ends.append(CallbackError(f"call {door.fuse}"))
        failures: list[AssertionError] = []
        for end in ends:
            run = Run()
            run.items = kept[:left]
            run.end = run if end is PENDING else end
            try:
                return self._check_delivered(*self._made(tail.functions, replayed([run])))
            except AssertionError as error:
                failures.append(error)
        raise failures[0]

    # Operators that are more than a function.

    def _check_part(self, piece: Piece, out: str) -> None:
        part = piece.part
        kind = Kind.DOOR if part is None else part.row.kind
        if kind is Kind.DOOR:
            self._check_door(piece, out)
        elif kind is Kind.REDUCING:
            self._check_reduced(piece, out)
        elif kind is Kind.MERGING:
            self._check_merged(piece, out)
        elif kind is Kind.SOME:
            self._check_some(piece, out)
        else:
            assert part is not None
            expected, end = self._made([part], self._source(piece))
            for run in self._runs(out):
                wanted, stop = expected, end
                if part.row.keyed and self.example.threaded:
                    wanted = in_turns(expected, run.items, part.n)
                failed = part.row.hasty and isinstance(run.end, Exception)
                if failed and any(alike(run.end, own) for own in (end, self._end(piece.joint))):
                    wanted, stop = wanted[: len(run.items)], run.end
                self._check_prefix(out, run, wanted, stop)

    def _overflowed(self, out: str) -> list[Any]:
        """Give the items that a door has failed with, which it was subscribed to again after."""
        ends = [run.end for run in self._runs(out)]
        return [end.item for end in ends if isinstance(end, BufferOverflowError)]

    def _check_door(self, piece: Piece, out: str) -> None:
        entered, items = self._items(piece.joint), self._items(out)
        dropped = [item for item, _ in self.journal.dropped.get(piece.door, ())]
        discarded = self.journal.discarded.get(piece.door, [])
        for group in {item // 1000 for item in entered if piece.joint == "source"} or {None}:
            of_one = [
                [i for i in those if group in (None, i // 1000)] for those in (items, entered)
            ]
            assert is_within(*of_one), f"{out}: {items} is not in the order of {entered}"
        rest = Counter(entered)
        rest.subtract([*items, *dropped, *discarded])
        assert min(rest.values(), default=0) >= 0, f"{piece.joint}: more than once: {rest}"
        if self.example.threaded and (self.subscriber.ended or self.stopped):
            # What was on its way on another thread when the door was closed, and what came
            # until the source was disposed of: nothing that is accounted for came later.
            known = Counter([*items, *dropped, *discarded, *self._overflowed(out)])
            for group in {item // 1000 for item in entered if piece.joint == "source"} or {None}:
                fates = [known[i] > 0 for i in entered if group in (None, i // 1000)]
                assert fates == sorted(fates, reverse=True), f"{piece.joint}: nowhere: {rest}"
        else:
            assert rest.total() <= self._unknown(piece), f"{piece.joint}: nowhere: {rest}"
        self._check_door_end(piece, out)

    def _unknown(self, piece: Piece) -> int:
        """Say how many items a door may hold, or have lost where there is no callback to tell.

        Then its figures tell, which are compared with the joints.
        """
        part = piece.part
        over = self.subscriber.ended or self.stopped
        if part is not None and not ("on_drop" in part.row.text and "on_discard" in part.row.text):
            # What is asked for is in transit where nothing else may be held.
            held = (self._capacity(piece) or HANDOVER) + self._early(piece)
            return len(self._items(piece.joint)) if over else held + 1
        return 0 if over else self._capacity(piece) + self._early(piece)

    def _early(self, piece: Piece) -> int:
        """Say how many items a door may hold beside its capacity: those that are asked for.

        They came inside of its subscribe, where the consumer could not take them yet; see
        Boundary.starting.
        """
        if piece is self.pieces[1] and not self.example.source.pulled:
            return 0
        named = [part for part in self._figures() if part.name == self._name(piece)]
        unmet = [p.requested - p.delivered for p in named if p.requested != rx.UNBOUNDED]
        return max([0, *unmet])

    def _check_door_end(self, piece: Piece, out: str) -> None:
        for run in self._runs(out):
            end, own = run.end, (BufferOverflowError, CallbackError, OfferTimeoutError)
            if end is run or isinstance(end, own):
                continue
            if isinstance(end, RuntimeError):
                assert "on_backpressure_block" in str(end), repr(end)
            elif piece.joint == "source":
                word = "on_completed" if end is None else "on_error"
                assert self._did(word), f"{out}: ended with {end!r}, without {word}"
            else:
                before = self._end(piece.joint)
                assert alike(end, before), f"{out}: {end!r} is not the end {before!r}"

    def _check_reduced(self, piece: Piece, out: str) -> None:
        entered, items = self._items(piece.joint), self._items(out)
        reached = {0}  # how many inputs the outputs so far can be made of
        for total in items:
            reached = {
                stop
                for start in reached
                for stop in range(start + 1, len(entered) + 1)
                if sum(entered[start:stop]) == total
            }
            if len(self._runs(out)) > 1 or self.stopped:  # some were discarded between them
                reached = {later for at in reached for later in range(at, len(entered) + 1)}
        assert reached, f"{out}: {items} is not merged from {entered}"
        self._check_door_end(piece, out)

    def _check_some(self, piece: Piece, out: str) -> None:
        """Check an operator that gives up what is overtaken, and ends as its source does."""
        assert piece.part is not None
        expected, end = self._made([piece.part], self._source(piece))
        for run in self._runs(out):
            assert is_within(run.items, expected), f"{out}: {run.items} is not of {expected}"
            ends = [end, self._end(piece.joint), *[None] * piece.part.row.ends]
            assert run.end is run or any(alike(run.end, own) for own in ends), repr(run.end)

    def _check_merged(self, piece: Piece, out: str) -> None:
        assert piece.part is not None
        items, end = self._items(out), self._end(out)
        entered, other = self._items(piece.joint), OTHER[: piece.part.n]
        reached = {0}  # how many of the first source the items so far can be made of
        for count, item in enumerate(items):
            reached = {
                first + step
                for first in reached
                for step in (0, 1)
                if (entered[first : first + 1] if step else other[count - first :][:1])
                and (entered[first] if step else other[count - first]) == item
            }
        assert reached, f"{out}: {items} is not merged from {entered} and {other}"
        if end is None:
            assert len(items) == len(entered) + len(other), f"{out}: {items} is not all"
        if end is not PENDING:
            assert alike(end, self._end(piece.joint)), f"{out}: ended with {end!r}"

    # Figures.

    def _figures(self) -> Sequence[Any]:
        return self.subscriber.subscription.statistics()

    def _name(self, piece: Piece) -> str:
        return "create" if piece.part is None else piece.part.row.names[0]

    def _capacity(self, piece: Piece) -> int:
        if piece.part is None:
            return self.example.source.length
        if self._name(piece) == "on_backpressure_spill":  # it has the disk, too
            return len(self._items(piece.joint))
        latest = self._name(piece) in ("on_backpressure_latest", "on_backpressure_reduce")
        return 1 if latest else piece.part.n

    def _check_progress(self) -> None:
        """Where something is still asked for, nothing must be left that could be given."""
        subscriber = self.subscriber
        if self.stopped or subscriber.ended or len(subscriber.items) >= subscriber.requested:
            return
        assert not self.example.source.pulled, "it has stalled"
        held = [p for p in self._figures() if p.held and p.name not in WAITING]
        assert not held, f"asked for and held: {held}"

    def _check_figures(self) -> None:
        *parts, consumer = self._figures()
        subscriber = self.subscriber
        over = subscriber.ended or self.stopped
        assert consumer.delivered == len(subscriber.items)
        assert consumer.requested == subscriber.requested
        for part in (*parts, consumer):
            lost = sum(part.dropped.values()) + part.discarded
            assert part.received == part.delivered + part.held + lost, f"unbalanced: {part}"
            assert min(part.received, part.delivered, part.held, lost) >= 0, f"negative: {part}"
            assert not (over and part.held), f"held: {part}"
            if part.capacity is not None:
                pieces = [each for each in self.pieces if self._name(each) == part.name]
                early = max((self._early(each) for each in pieces if each.part), default=0)
                # What is asked for is in transit where nothing else may be held.
                bound = part.capacity or min(HANDOVER, part.requested - part.delivered)
                assert part.held <= bound + early, f"too many held: {part}"
                # A later door of that name tells its own figures, which begin there; it may have
                # held what came inside of its subscribe.
                first = bool(pieces) and pieces[-1] is self.pieces[1]
                if not self.example.source.pulled and first:
                    assert part.peak <= (part.capacity or HANDOVER), f"too many held: {part}"
        self._check_neighbours(parts)

    def _check_neighbours(self, parts: Sequence[Any]) -> None:
        """What a part has received and delivered is what has passed the joints beside it."""
        expected: dict[str, list[int]] = {}
        for piece, following in zip(self.pieces, self.pieces[1:], strict=False):
            part = piece.part
            if part is None and piece.joint != "source":
                continue
            name = self._name(piece)
            if part is None or part.row.kind in (Kind.DOOR, Kind.REDUCING):
                if piece.joint != "source":
                    expected.clear()  # the figures begin at the last door
            elif name not in LOOPS:
                continue
            if following.joint not in self.journal.runs:
                return
            sums = expected.setdefault(name, [0, 0])
            sums[0] += len(self._items(piece.joint))
            sums[1] += len(self._items(following.joint))
        for name, sums in expected.items():
            found = [part for part in parts if part.name == name]
            passed = [sum(p.received for p in found), sum(p.delivered for p in found)]
            if self.example.threaded and (self.subscriber.ended or self.stopped):
                # What came on another thread while it was being closed; ``_check_door`` looks
                # whether it was the last.
                sums[0] -= max(0, sums[0] - passed[0])
            assert passed == sums, f"{name}: the figures say {passed}, the joints {sums}"
