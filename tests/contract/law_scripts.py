"""Random pipelines with what is done to them, and how they are written as Python."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from string import Template
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from . import law_callbacks
from .law_parts import DOORS, PARTS
from .law_table import FUNCTIONS, Kind, Row

PREAMBLE = """\
from functools import partial

from reactivex import Observer
from reactivex.scheduler import ImmediateScheduler
from reactivex.subject import Subject
from reactivex.testing import TestScheduler

from rxflow.testing import TestSubscriber, run_virtual
"""


@dataclass(frozen=True)
class Part:
    """One operator of a pipeline.

    Attributes:
        row: What it is.
        n: Its first number.
        m: Its second number.
        fuse: Which call of its callback fails; 0 for none.
    """

    row: Row
    n: int = 0
    m: int = 0
    fuse: int = 0

    @property
    def call(self) -> str:
        """The source of its callback."""
        text = self.row.call.replace("$n", str(self.n))
        return f"fused({self.fuse}, {text})" if self.fuse else text

    def text(self, door: str = "", wait: str = "0") -> str:
        """Write it as what goes into a pipe."""
        fuse = f", {self.fuse}" if self.fuse else ""
        return Template(self.row.text).substitute(
            n=self.n, m=self.m, call=self.call, door=door, fuse=fuse, wait=wait
        )


@dataclass(frozen=True)
class Source:
    """Where the items come from.

    Attributes:
        kind: "range", "steps", "subject" or "create".
        length: How many there are, where it is pulled (items).
        fails: It fails behind them, where it is pulled.
        door: The door behind a Subject.
        overflow: The strategy of ``create``.
    """

    kind: str
    length: int = 0
    fails: bool = False
    door: Part | None = None
    overflow: str = ""

    @property
    def pulled(self) -> bool:
        """Whether it is pulled, so that all of it is there from the beginning."""
        return self.kind in ("range", "steps")


@dataclass(frozen=True)
class Example:
    """A pipeline, who subscribes, and what is done.

    Attributes:
        source: Where the items come from.
        parts: The operators, in order.
        tapped: What leaves the source is noted also where nothing else needs it.
        initial: What is requested in ``on_subscribe`` (items).
        each: What is requested in each ``on_next`` (items).
        cancel_after: The item in whose ``on_next`` it is cancelled; 0 for none.
        raise_at: The item in whose ``on_next`` the subscriber raises; 0 for none.
        actions: What is done then, in order, as Python.
        wait: The time limit of what blocks (seconds).
        loop: It is run on an event loop, whose time goes on after each action.
    """

    source: Source
    parts: tuple[Part, ...]
    tapped: bool
    initial: int
    each: int
    cancel_after: int
    raise_at: int
    actions: tuple[str, ...]
    wait: str = "0"
    loop: bool = False

    @property
    def threaded(self) -> bool:
        """Whether several threads are under way between the actions."""
        return any(action.startswith("threads") for action in self.actions)

    def __repr__(self) -> str:
        """Write it as a script that can be run."""
        helpers = inspect.getsource(law_callbacks)
        lines = [*self.setting(), *self.actions]
        if self.loop:
            waits = [f"    {line}\n    await asyncio.sleep(1000)" for line in lines]
            lines = ["async def main() -> None:", "    global subscriber", *waits]
            lines += ["    print(subscriber)", "    subscriber.cancel()", "", "run_virtual(main())"]
        else:
            lines.append("print(subscriber)")
        return f"\n{helpers}\n{PREAMBLE}\n" + "\n".join(lines) + "\n"

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """Have Hypothesis print the script."""
        printer.text(repr(self))

    def setting(self) -> tuple[str, ...]:
        """Write what comes before the actions, a statement each."""
        pipe = [text for piece in self.pieces() for text in piece.texts]
        policy = f"{self.initial}, request_each={self.each}"
        if self.cancel_after:
            policy += f", cancel_after={self.cancel_after}"
        if self.raise_at:
            policy += f", then=fused({self.raise_at}, lambda *_: None)"
        return (
            "journal = Journal()",
            "producer = Tap()" if self.source.kind == "create" else "producer = Subject()",
            f"flow = {self._origin()}.pipe(" + ", ".join(pipe) + ")",
            f"subscriber = TestSubscriber({policy})",
            "flow.subscribe(subscriber)",
        )

    def _origin(self) -> str:
        source = self.source
        book = "on_drop=journal.drop('source'), on_discard=journal.discard('source')"
        return {
            "range": f"rx.range(1, {source.length + 1})",
            "steps": f"rx.defer(lambda _: steps({source.length}, {source.fails}))",
            "subject": "producer",
            "create": (
                f"rx.create(producer, overflow=rx.{source.overflow}, "
                f"capacity={source.length}, {book})"
            ),
        }[source.kind]

    def pieces(self) -> list[Piece]:
        """Divide the pipeline where more than a function is: each piece begins at a joint."""
        source, wait = self.source, self.wait
        pieces = [Piece("", None, [])]
        if source.door is not None:
            pieces[0].texts.append("journal.entry('source')")
            pieces.append(Piece("source", source.door, [source.door.text("source", wait)]))
        elif source.kind == "create":
            pieces.append(Piece("source", None, []))
        if self.tapped or not source.pulled:
            if self.tapped:
                pieces[-1].texts.append("*journal.tap('0')")
            pieces.append(Piece("0", None, []))
        for index, part in enumerate(self.parts, 1):
            if part.row.kind in (Kind.FUNCTION, Kind.AGAIN):
                pieces[-1].functions.append(part)
                pieces[-1].texts.append(part.text())
                continue
            joint = f"{index}"
            if pieces[-1].functions or not pieces[-1].joint:
                before = f"before {index}"
                pieces[-1].texts.append(f"*journal.tap({before!r})")
                pieces.append(Piece(before, part, []))
            else:
                pieces[-1].part = part
            pieces[-1].texts.append(part.text(joint, wait))
            pieces[-1].texts.append(f"*journal.tap({joint!r})")
            pieces[-1].door = joint
            pieces.append(Piece(joint, None, []))
        return pieces


class Piece:
    """What is between two joints: functions, or one operator that is more.

    Attributes:
        joint: Where it begins; empty for a source that is pulled.
        part: The operator that is more than a function.
        functions: The functions, where there is none.
        texts: All of it as Python, for a pipe.
        door: The name of its callbacks in the journal.
    """

    def __init__(self, joint: str, part: Part | None, texts: list[str]) -> None:
        self.joint = joint
        self.part = part
        self.functions: list[Part] = []
        self.texts = texts
        self.door = joint


# What is drawn.

_FLOWING = [row for row in FUNCTIONS if not row.ends]
_ENDING = [row for row in FUNCTIONS if row.ends]
_PARTS = [row for row in PARTS if not row.loop]
_ON_LOOP = [row for row in PARTS if row.loop]
_OVERFLOWS = ("DROP_OLDEST", "DROP_NEWEST", "DROP_INCOMING", "DROP_ALL", "FAIL", "SUSPEND", "BLOCK")

_FUSES = [0] * 20 + [1, 2, 3, 4, 5]

demands = st.sampled_from(["1", "1", "2", "3", "7", "rx.UNBOUNDED"])


@st.composite
def parts(draw: Any, rows: list[Row], fuses: bool = True) -> Part:
    """Draw an operator with its arguments."""
    row = draw(st.sampled_from(rows))
    fusible = fuses and (row.call or "$fuse" in row.text)
    fuse = draw(st.sampled_from(_FUSES)) if fusible else 0
    return Part(row, draw(st.integers(*row.n)), draw(st.integers(*row.m)), fuse)


@st.composite
def pipelines(
    draw: Any, doors: list[Row], fuses: bool, more: list[Row] | None = None
) -> tuple[Part, ...]:
    """Draw 1 to 8 operators. What begins anew comes before what is more than a function."""
    drawn: list[Part] = []
    length = draw(st.integers(1, 8))
    growing = 0
    only_functions = True
    families = [_FLOWING] * 9 + [_ENDING] + [_PARTS] * 3 + [doors, more or _FLOWING]
    for _ in range(length):
        part = draw(parts(draw(st.sampled_from(families)), fuses))
        if part.row.kind is Kind.AGAIN and not only_functions:
            continue
        growing += part.row.grows
        if part.row.grows and growing > 2:
            continue
        only_functions &= part.row.kind in (Kind.FUNCTION, Kind.AGAIN)
        drawn.append(part)
    return tuple(drawn) or (Part(FUNCTIONS[0]),)


@st.composite
def sources(draw: Any, doors: list[Row], hot: bool = False) -> Source:
    """Draw a source."""
    kind = draw(st.sampled_from(("subject", "create") if hot else _KINDS))
    if kind == "subject":
        return Source(kind, door=draw(parts(doors)))
    if kind == "create":
        return Source(kind, draw(st.integers(1, 4)), overflow=draw(st.sampled_from(_OVERFLOWS)))
    fails = kind == "steps" and draw(st.booleans())
    return Source(kind, 12 - draw(st.integers(0, 12)), fails)


_KINDS = ("range", "steps", "subject", "subject", "subject", "create", "create")


@st.composite
def examples(draw: Any, more: list[Row] | None = None) -> Example:
    """Draw a pipeline and what is done in one thread."""
    doors = list(DOORS)
    source = draw(sources(doors))
    drawn = draw(pipelines(doors, fuses=True, more=more))
    again = any(part.row.kind is Kind.AGAIN for part in drawn)
    plain = all(part.row.kind is Kind.FUNCTION for part in drawn)
    told = source.door is None or "$fuse" in source.door.row.text  # of all that is dropped
    tapped = (again and not source.pulled) or not (plain and told) or draw(st.booleans())
    cancels = draw(st.sampled_from([0] * 7 + [1, 2, 4]))
    raises = 0 if cancels else draw(st.sampled_from([0] * 9 + [1, 3]))
    return Example(
        source,
        drawn,
        tapped,
        draw(st.sampled_from([1, 0, 3, 9, 2**63 - 1])),
        draw(st.sampled_from([0, 1, 0, 2])),
        cancels,
        raises,
        draw(actions(source)),
    )


@st.composite
def loop_examples(draw: Any) -> Example:
    """Draw what is done on an event loop, where the thread must not be made to wait."""
    example = draw(examples(_ON_LOOP))
    used = [example.source.door, *example.parts]
    assume(not any(part and "on_backpressure_block" in part.row.names for part in used))
    return replace(example, loop=True)


@st.composite
def thread_examples(draw: Any) -> Example:
    """Draw a pipeline into which threads push, while another one requests, and may cancel."""
    source = draw(sources(list(DOORS), hot=True))
    drawn = draw(pipelines(list(DOORS), fuses=False))
    producers = draw(st.integers(1, 3)) if source.kind == "create" else 1
    count = draw(st.integers(1, 30))
    requests = draw(st.lists(st.integers(1, 5), max_size=12))
    cancels = draw(st.sampled_from([False, False, True]))
    calls = [f"partial(produce, producer, {1000 * n + 1}, {count})" for n in range(producers)]
    calls.append(f"partial(ask, subscriber, {requests}, {cancels})")
    unbounded = () if cancels else ("subscriber.request(rx.UNBOUNDED)",)
    ends = draw(st.sampled_from([("producer.on_completed()",), ()]))
    actions = (f"threads = started({', '.join(calls)})", "joined(threads[-1:])", *unbounded)
    initial = draw(st.sampled_from([0, 1, 5, 2**63 - 1]))
    last = ("joined(threads)", *ends)
    return Example(source, drawn, True, initial, 0, 0, 0, (*actions, *last), "10")


@st.composite
def actions(draw: Any, source: Source) -> tuple[str, ...]:
    """Draw what is done in one thread."""
    ask = demands.map(lambda n: f"subscriber.request({n})")
    rare = st.sampled_from(["subscriber.cancel()", "subscriber.request(0)"])
    if source.pulled:
        steps = draw(st.lists(st.one_of(*[ask] * 7, rare), max_size=6))
        return tuple(steps)
    push = st.just("producer.on_next(...)")
    end = st.sampled_from(
        ["producer.on_completed()", "producer.on_error(SourceError('the source'))"]
    )
    kinds = [push] * 14 + [ask] * 6 + [end, rare]
    choices = st.sampled_from(range(len(kinds))).flatmap(lambda index: kinds[index])
    steps = draw(st.lists(choices, min_size=draw(st.integers(0, 16)), max_size=24))
    last = [[], [draw(end)], [draw(end), "subscriber.request(rx.UNBOUNDED)"]]
    return numbered([*steps, *draw(st.sampled_from(last))])


def numbered(steps: list[str]) -> tuple[str, ...]:
    """Give each item that is pushed a number of its own."""
    done: list[str] = []
    item = 0
    for step in steps:
        item += "..." in step
        done.append(step.replace("...", str(item)))
    return tuple(done)
