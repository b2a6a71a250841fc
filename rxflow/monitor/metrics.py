"""The metrics, defined once: what each is called, what it means and how it is read.

The exporters, the dashboard and the alert rules are made from these.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import repeat
from math import inf
from operator import attrgetter, itemgetter

from ..kernel import Columns, Latency, StageStatistics
from ..protocol import UNBOUNDED


class Kind(Enum):
    """How the figures of several subscriptions of one flow become one figure."""

    COUNTER = "never goes down; added up, also over subscriptions that have ended"
    LEVEL = "goes up and down; added up over the subscriptions that run"
    WORST = "goes up and down; the greatest one among the subscriptions that run"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of each stage.

    Attributes:
        name: What it is called, by the conventions of Prometheus.
        otel: What it is called, by the conventions of OpenTelemetry.
        kind: Whether it counts, and how it is put together.
        unit: Its unit, by the Unified Code for Units of Measure, as OpenTelemetry has it.
        help: What it means, in one line.
        read: Gives it of each of several parts, from the columns of what they tell.
        field: What it is read from; where no part tells that, it is 0.
        bounded: Only stages that have a capacity have it.
    """

    name: str
    otel: str
    kind: Kind
    unit: str
    help: str
    read: Callable[[Columns], Iterable[float]]
    field: str
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """A counter of each stage, or flow, that is told apart by one more label.

    Attributes:
        name: As in :class:`Metric`.
        otel: Likewise.
        unit: Likewise.
        help: Likewise.
        label: What the parts of it are told apart by.
        read: Gives the parts; None for what is counted when a subscription is over.
    """

    name: str
    otel: str
    unit: str
    help: str
    label: str
    read: Callable[[StageStatistics], Mapping[str, int]] | None = None


def _utilisation(told: Columns) -> list[float]:
    """Give the shares of the capacity that are used; 0 where there is none."""
    held, weights = told.get("held", repeat(0)), told.get("weight", repeat(None))
    return [
        (items if weight is None else weight) / capacity if capacity else 0.0
        for items, weight, capacity in zip(held, weights, told["capacity"], strict=False)
    ]


def _demand(told: Columns) -> list[float]:
    """Give the demand that is not met yet (items); infinite where it is unbounded."""
    return [
        inf if requested == UNBOUNDED else requested - given if requested > given else 0
        for requested, given in zip(
            told["requested"], told.get("delivered", repeat(0)), strict=False
        )
    ]


def _requested(told: Columns) -> list[int]:
    return [0 if requested == UNBOUNDED else requested for requested in told["requested"]]


def _capacity(told: Columns) -> list[int]:
    return [capacity or 0 for capacity in told["capacity"]]


def _counter(name: str, otel: str, unit: str, field: str, text: str) -> Metric:
    return Metric(
        f"rxflow_stage_{name}_total",
        f"rxflow.stage.{otel}",
        Kind.COUNTER,
        unit,
        text,
        itemgetter(field),
        field,
    )


LATENCY_BOUNDS = tuple(
    round(factor * 10.0**power, 9) for power in range(-5, 2) for factor in (1, 2.5, 5)
)
"""The buckets in which latencies are exported (seconds): from 10 microseconds to 50 seconds."""


def latency(told: Iterable[Latency | None]) -> list[float] | None:
    """Tell how long items were in a stage.

    Args:
        told: What is known of that, in some subscriptions.

    Returns:
        How many were in it up to each of ``LATENCY_BOUNDS`` and above the one before, how
        many were in it for longer, and last how long all were together (seconds); None
        where nothing was measured.
    """
    counts = [0.0] * (len(LATENCY_BOUNDS) + 2)
    for measured in told:
        if measured is None or not measured.count:
            continue
        for bound, count in measured.buckets:
            counts[bisect_left(LATENCY_BOUNDS, bound)] += count
        counts[-1] += measured.sum
    return counts if any(counts) else None


ITEMS = "{item}"
SECONDS = "s"
RATIO = "1"

STAGE: tuple[Metric, ...] = (
    Metric(
        "rxflow_stage_requested_total",
        "rxflow.stage.requested",
        Kind.COUNTER,
        ITEMS,
        "Items that were asked of the stage; unbounded demand is not counted.",
        _requested,
        "requested",
    ),
    _counter(
        "items_received", "items.received", ITEMS, "received", "Items that came into the stage."
    ),
    _counter(
        "items_emitted", "items.emitted", ITEMS, "delivered", "Items that went out of the stage."
    ),
    _counter(
        "items_discarded",
        "items.discarded",
        ITEMS,
        "discarded",
        "Items the stage held when its stream was cancelled or failed.",
    ),
    _counter(
        "blocked_seconds",
        "blocked",
        SECONDS,
        "blocked_seconds",
        "Time in which the stage had items that nobody asked for.",
    ),
    _counter(
        "starved_seconds",
        "starved",
        SECONDS,
        "starved_seconds",
        "Time in which the stage was asked for items and had none.",
    ),
    _counter(
        "working_seconds",
        "working",
        SECONDS,
        "working_seconds",
        "Time in which functions of the user worked in the stage, estimated from samples.",
    ),
    _counter(
        "waited_seconds",
        "waited",
        SECONDS,
        "waited_seconds",
        "Time for which producers were made to wait for room in the stage.",
    ),
    Metric(
        "rxflow_stage_queue_depth",
        "rxflow.stage.queue.size",
        Kind.LEVEL,
        ITEMS,
        "Items in the stage now.",
        itemgetter("held"),
        "held",
    ),
    Metric(
        "rxflow_stage_queue_capacity",
        "rxflow.stage.queue.capacity",
        Kind.LEVEL,
        ITEMS,
        "The most that the stage may hold, in items, or in what it weighs them by.",
        _capacity,
        "capacity",
        bounded=True,
    ),
    Metric(
        "rxflow_stage_utilization_ratio",
        "rxflow.stage.utilization",
        Kind.WORST,
        RATIO,
        "The share of the capacity that is used, of the fullest subscription.",
        _utilisation,
        "capacity",
        bounded=True,
    ),
    Metric(
        "rxflow_stage_demand",
        "rxflow.stage.demand",
        Kind.LEVEL,
        ITEMS,
        "Items that are asked of the stage and have not gone out; +Inf when unbounded.",
        _demand,
        "requested",
    ),
    Metric(
        "rxflow_stage_in_flight",
        "rxflow.stage.in_flight",
        Kind.LEVEL,
        ITEMS,
        "Items that functions of the user are at work on in the stage now.",
        itemgetter("in_flight"),
        "in_flight",
    ),
    Metric(
        "rxflow_stage_oldest_age_seconds",
        "rxflow.stage.oldest.age",
        Kind.WORST,
        SECONDS,
        "How long the oldest item has been in the stage.",
        itemgetter("oldest_seconds"),
        "oldest_seconds",
    ),
)
"""The figures of a stage, with the labels ``flow`` and ``stage``."""

DROPPED = Split(
    "rxflow_stage_items_dropped_total",
    "rxflow.stage.items.dropped",
    ITEMS,
    "Items that the stage gave up for want of room, by reason.",
    "reason",
    attrgetter("dropped"),
)
"""What a stage has dropped, with the labels ``flow``, ``stage`` and ``reason``."""

LATENCY = Metric(
    "rxflow_stage_latency_seconds",
    "rxflow.stage.latency",
    Kind.COUNTER,
    SECONDS,
    "How long items were in the stage, from samples.",
    lambda told: [(latency([each]) or (0,))[-1] for each in told["latency"]],
    "latency",
)
"""How long items were in a stage: a histogram, with the labels ``flow`` and ``stage``."""

ACTIVE = Metric(
    "rxflow_flow_active",
    "rxflow.flow.active",
    Kind.LEVEL,
    "{subscription}",
    "Subscriptions of the flow that run now.",
    lambda told: [1] * len(told["name"]),
    "name",
)
"""The subscriptions that run, with the label ``flow``."""

TERMINATED = Split(
    "rxflow_flow_terminated_total",
    "rxflow.flow.terminated",
    "{subscription}",
    "Subscriptions of the flow that are over, by how they ended.",
    "status",
)
"""The subscriptions that are over, with the labels ``flow`` and ``status``."""

BY_NAME: dict[str, Metric] = {metric.name: metric for metric in (*STAGE, ACTIVE)}
"""Each of those by its name."""
