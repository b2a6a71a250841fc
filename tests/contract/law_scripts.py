"""Random pipelines with what is done to them, and how they are written as Python."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from functools import cache
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


# What is drawn. Each strategy is made once: to make one costs more than to draw from it.

_ROWS = {
    "flowing": st.sampled_from([row for row in FUNCTIONS if not row.ends]),
    "ending": st.sampled_from([row for row in FUNCTIONS if row.ends]),
    "more": st.sampled_from([row for row in PARTS if not row.loop]),
    "on a loop": st.sampled_from([row for row in PARTS if row.loop]),
    "door": st.sampled_from(DOORS),
}
_OVERFLOWS = st.sampled_from(
    ("DROP_OLDEST", "DROP_NEWEST", "DROP_INCOMING", "DROP_ALL", "FAIL", "SUSPEND", "BLOCK")
)
_FUSES = st.sampled_from([0] * 20 + [1, 2, 3, 4, 5])
_KINDS = st.sampled_from(
    ("range", "steps", "subject", "subject", "subject", "create", "create"),
)
_HOT_KINDS = st.sampled_from(("subject", "create"))

_ASKS = [f"subscriber.request({n})" for n in ("1", "1", "2", "3", "7", "rx.UNBOUNDED")]
_ENDS = ["producer.on_completed()", "producer.on_error(SourceError('the source'))"]
_RARE = ["subscriber.cancel()", "subscriber.request(0)"]
_PUSH = "producer.on_next(...)"
_END = st.sampled_from(_ENDS)
_PULLED_STEPS = st.lists(st.sampled_from([*_ASKS * 7, *_RARE * 3]), max_size=6)
_STEPS = st.sampled_from([*[_PUSH] * 84, *_ASKS * 6, *_ENDS * 3, *_RARE * 3])
_MOST_STEPS = [st.lists(_STEPS, min_size=least, max_size=24) for least in range(17)]
_BOOLEAN = st.booleans()


@cache
def _between(bounds: tuple[int, int]) -> st.SearchStrategy[int]:
    return st.integers(*bounds)


@cache
def _one(*choices: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(choices)


@st.composite
def parts(draw: Any, rows: str, fuses: bool = True) -> Part:
    """Draw an operator with its arguments."""
    row = draw(_ROWS[rows])
    fusible = fuses and (row.call or "$fuse" in row.text)
    fuse = draw(_FUSES) if fusible else 0
    return Part(row, draw(_between(row.n)), draw(_between(row.m)), fuse)


def _family(more: str, fuses: bool) -> list[st.SearchStrategy[Part]]:
    """Make the strategies for an operator of a pipeline, with some more of these."""
    names = ["flowing"] * 9 + ["ending"] + ["more"] * 3 + ["door", more]
    made = {name: parts(name, fuses) for name in names}
    return [made[name] for name in names]


_FAMILIES = {
    "any": _family("flowing", fuses=True),
    "any on a loop": _family("on a loop", fuses=True),
    "unfused": _family("flowing", fuses=False),
}
_DOOR = parts("door")


@st.composite
def pipelines(draw: Any, family: str) -> tuple[Part, ...]:
    """Draw 1 to 8 operators. What begins anew comes before what is more than a function."""
    drawn: list[Part] = []
    choices = _FAMILIES[family]
    growing = 0
    only_functions = True
    for _ in range(draw(_between((1, 8)))):
        part = draw(choices[draw(_between((0, len(choices) - 1)))])
        if part.row.kind is Kind.AGAIN and not only_functions:
            continue
        growing += part.row.grows
        if part.row.grows and growing > 2:
            continue
        only_functions &= part.row.kind in (Kind.FUNCTION, Kind.AGAIN)
        drawn.append(part)
    return tuple(drawn) or (Part(FUNCTIONS[0]),)


@st.composite
def sources(draw: Any, hot: bool = False) -> Source:
    """Draw a source."""
    kind = draw(_HOT_KINDS if hot else _KINDS)
    if kind == "subject":
        return Source(kind, door=draw(_DOOR))
    if kind == "create":
        return Source(kind, draw(_between((1, 4))), overflow=draw(_OVERFLOWS))
    fails = kind == "steps" and draw(_BOOLEAN)
    return Source(kind, 12 - draw(_between((0, 12))), fails)


_SOURCE = sources()
_HOT_SOURCE = sources(hot=True)
_PIPELINES = {family: pipelines(family) for family in _FAMILIES}


@st.composite
def examples(draw: Any, family: str = "any") -> Example:
    """Draw a pipeline and what is done in one thread."""
    source = draw(_SOURCE)
    drawn = draw(_PIPELINES[family])
    again = any(part.row.kind is Kind.AGAIN for part in drawn)
    plain = all(part.row.kind is Kind.FUNCTION for part in drawn)
    told = source.door is None or "$fuse" in source.door.row.text  # of all that is dropped
    tapped = (again and not source.pulled) or not (plain and told) or draw(_BOOLEAN)
    cancels = draw(_one(*[0] * 7, 1, 2, 4))
    raises = 0 if cancels else draw(_one(*[0] * 9, 1, 3))
    return Example(
        source,
        drawn,
        tapped,
        draw(_one(1, 0, 3, 9, 2**63 - 1)),
        draw(_one(0, 1, 0, 2)),
        cancels,
        raises,
        actions(draw, source),
    )


_EXAMPLE_ON_LOOP = examples("any on a loop")


@st.composite
def loop_examples(draw: Any) -> Example:
    """Draw what is done on an event loop, where the thread must not be made to wait."""
    example = draw(_EXAMPLE_ON_LOOP)
    used = [example.source.door, *example.parts]
    assume(not any(part and "on_backpressure_block" in part.row.names for part in used))
    # What waits does so on the scheduler that it is subscribed with, as in reactivex: on that of
    # the subscribe_on of the law, which subscribes at once, nothing can wait.
    waits = False
    for part in example.parts:
        waits |= part.row.loop and "0.01" in part.row.text
        assume(not (waits and "subscribe_on" in part.row.names))
    return replace(example, loop=True)


_REQUESTS = st.lists(_between((1, 5)), max_size=12)


@st.composite
def thread_examples(draw: Any) -> Example:
    """Draw a pipeline into which threads push, while another one requests, and may cancel."""
    source = draw(_HOT_SOURCE)
    drawn = draw(_PIPELINES["unfused"])
    producers = draw(_between((1, 3))) if source.kind == "create" else 1
    count = draw(_between((1, 30)))
    requests = draw(_REQUESTS)
    cancels = draw(_one(False, False, True))
    calls = [f"partial(produce, producer, {1000 * n + 1}, {count})" for n in range(producers)]
    calls.append(f"partial(ask, subscriber, {requests}, {cancels})")
    unbounded = () if cancels else ("subscriber.request(rx.UNBOUNDED)",)
    ends = draw(_one(("producer.on_completed()",), ()))
    done = (f"threads = started({', '.join(calls)})", "joined(threads[-1:])", *unbounded)
    initial = draw(_one(0, 1, 5, 2**63 - 1))
    last = ("joined(threads)", *ends)
    return Example(source, drawn, True, initial, 0, 0, 0, (*done, *last), "10")


def actions(draw: Any, source: Source) -> tuple[str, ...]:
    """Draw what is done in one thread."""
    if source.pulled:
        return tuple(draw(_PULLED_STEPS))
    steps = draw(_MOST_STEPS[draw(_between((0, 16)))])
    ends = draw(_between((0, 2)))
    last = [draw(_END), "subscriber.request(rx.UNBOUNDED)"][:ends] if ends else []
    return numbered([*steps, *last])


def numbered(steps: list[str]) -> tuple[str, ...]:
    """Give each item that is pushed a number of its own."""
    done: list[str] = []
    item = 0
    for step in steps:
        item += "..." in step
        done.append(step.replace("...", str(item)))
    return tuple(done)
