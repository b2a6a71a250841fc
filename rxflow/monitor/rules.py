"""The rules of what is wrong, defined once: for alerts in this process, logs and Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .metrics import BY_NAME, DROPPED, Metric
from .sums import StageTotals

READ = Callable[[StageTotals, StageTotals | None, float], float]
"""Judges a stage: how it stands, how it stood before, and how long ago that was (seconds)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When a stage is in trouble.

    Attributes:
        name: What the alert is called.
        above: The figure is to stay above this, in its unit,
        hold: for so long (seconds).
        until: It is over when the figure is at most this; between the two nothing changes.
        summary: What is wrong, of "{flow}", "{stage}" and "{value}".
        read: Gives the figure.
        query: Gives it as a query of Prometheus, with "{window}" for a time.
    """

    name: str
    above: float
    hold: float
    until: float
    summary: str
    read: READ
    query: str


_UTILISATION = BY_NAME["rxflow_stage_utilization_ratio"]
_OLDEST = BY_NAME["rxflow_stage_oldest_age_seconds"]
_DEPTH = BY_NAME["rxflow_stage_queue_depth"]
_DEMAND = BY_NAME["rxflow_stage_demand"]
_REQUESTED = BY_NAME["rxflow_stage_requested_total"]
_EMITTED = BY_NAME["rxflow_stage_items_emitted_total"]


def filling(above: float = 0.8, *, hold: float = 10.0, until: float | None = None) -> Rule:
    """Be told of a stage that stays nearly full.

    Args:
        above: The share of its capacity that is used (0 to 1).
        hold: For how long (seconds).
        until: It is over at this share; nine tenths of ``above`` when left out.
    """
    return Rule(
        "RxflowStageFull",
        *_bounds(above, hold, until),
        "{flow}: {stage} uses {value:.0%} of its capacity: it is too slow, or what comes after it",
        _reading(_UTILISATION),
        _UTILISATION.name,
    )


def dropping(per_second: float = 0.0, *, hold: float = 0.0, until: float | None = None) -> Rule:
    """Be told of a stage that drops items.

    Args:
        per_second: More than so many (items per second).
        hold: For how long (seconds).
        until: It is over at this rate (items per second); nine tenths when left out.
    """
    return Rule(
        "RxflowStageDropping",
        *_bounds(per_second, hold, until),
        "{flow}: {stage} drops {value:.3g} items per second",
        _drops_per_second,
        f"sum without ({DROPPED.label}) (rate({DROPPED.name}[{{window}}]))",
    )


def aging(seconds: float = 60.0, *, hold: float = 0.0, until: float | None = None) -> Rule:
    """Be told of a stage whose oldest item has been in it for long.

    Args:
        seconds: Longer than this (seconds).
        hold: For how long it has been so (seconds).
        until: It is over at this age (seconds); nine tenths when left out.
    """
    return Rule(
        "RxflowStageOld",
        *_bounds(seconds, hold, until),
        "{flow}: the oldest item in {stage} has been there for {value:.1f} s",
        _reading(_OLDEST),
        _OLDEST.name,
    )


def stalled(hold: float = 30.0) -> Rule:
    """Be told of a stage that has items which nobody asks for.

    Args:
        hold: For how long nothing has gone out of it (seconds).
    """
    return Rule(
        STALLED,
        *_bounds(0.0, hold, None),
        "{flow}: {stage} holds {value:.0f} items and nobody asks for them: "
        "what comes after it has no demand",
        _held_without_demand,
        f"{_DEPTH.name} and {_DEMAND.name} == 0 and rate({_EMITTED.name}[{{window}}]) == 0",
    )


STALLED = "RxflowStageStalled"
"""What the rule of :func:`stalled` is called."""


def default_rules() -> tuple[Rule, ...]:
    """Give one of each."""
    return filling(), dropping(), aging(), stalled()


def prometheus_rules(
    rules: Iterable[Rule] | None = None, *, window: str = "1m", severity: str = "warning"
) -> str:
    """Write rules as a file of alerting rules for Prometheus.

    Args:
        rules: The rules; ``default_rules()`` when left out.
        window: Time over which rates are taken, as Prometheus writes times; several
            times as long as it takes between two scrapes.
        severity: The label of that name.

    Returns:
        YAML.
    """
    lines = ["groups:", "  - name: rxflow", "    rules:"]
    for rule in default_rules() if rules is None else rules:
        query = rule.query.format(window=window)
        summary = rule.summary.format(
            flow="{{ $labels.flow }}", stage="{{ $labels.stage }}", value=_Templated()
        )
        lines += [
            f"      - alert: {rule.name}",
            f"        expr: {query} > {rule.above:g}",
            f"        for: {round(rule.hold * 1000)}ms",
            "        labels:",
            f"          severity: {severity}",
            "        annotations:",
            f'          summary: "{summary}"',
        ]
    return "\n".join(lines) + "\n"


class _Templated:
    """Formats the value of an alert as Prometheus' templates do."""

    def __format__(self, spec: str) -> str:
        return "{{ $value | humanizePercentage }}" if "%" in spec else "{{ $value | humanize }}"


def _bounds(above: float, hold: float, until: float | None) -> tuple[float, float, float]:
    until = above * 0.9 if until is None else until
    if not above >= 0:
        raise ValueError(f"a rule's bound must be at least 0, not {above!r}")
    if not hold >= 0:
        raise ValueError(f"hold must be at least 0 seconds, not {hold!r}")
    if not 0 <= until <= above:
        raise ValueError(f"until must be between 0 and {above!r}, not {until!r}")
    return above, hold, until


def _reading(metric: Metric) -> READ:
    return lambda now, before, seconds: now.values.get(metric, 0.0)


def _drops_per_second(now: StageTotals, before: StageTotals | None, seconds: float) -> float:
    past = sum(before.dropped.values()) if before is not None else 0
    return (sum(now.dropped.values()) - past) / seconds if seconds > 0 else 0.0


def _held_without_demand(now: StageTotals, before: StageTotals | None, seconds: float) -> float:
    values = now.values
    moved = before is None or values[_EMITTED] > before.values[_EMITTED]
    untold = values[_EMITTED] > 0 == values[_REQUESTED]  # a part that does not tell its demand
    if moved or untold or values.get(_DEMAND, 1):
        return 0.0
    return values[_DEPTH]
