"""Alerts: a callback when a stage is in trouble for long enough, and when that is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .rules import Rule, default_rules
from .sampling import Sample, Sampler
from .sums import StageTotals


@dataclass(frozen=True, slots=True)
class Alert:
    """A stage that is in trouble, or not any more.

    Attributes:
        rule: What is wrong.
        flow: The flow.
        stage: The stage.
        value: The figure of the rule, now.
        firing: Whether it begins; else it is over.
        since: When the figure first was above the rule's bound (seconds of the sampler).
        at: The time of the sample (seconds of the sampler).
    """

    rule: Rule
    flow: str
    stage: str
    value: float
    firing: bool
    since: float
    at: float

    @property
    def text(self) -> str:
        """What is wrong, in words."""
        return self.rule.summary.format(flow=self.flow, stage=self.stage, value=self.value)


@dataclass(slots=True)
class _Standing:
    """How one rule stands for one stage."""

    since: float  # the figure has been above the bound since then
    firing: bool = False


class Alerts:
    """Judges each sample by rules, and tells what begins and what is over.

        sampler = Sampler(1.0).start()
        alerts = Alerts(print, sampler=sampler)

    A figure that goes below a rule's bound before the rule's time is over begins anew; one
    that has fired ends only at the rule's ``until``, or when the stage is gone. So one that
    swings about the bound neither fires nor ends again and again.
    """

    def __init__(
        self,
        on_alert: Callable[[Alert], object],
        rules: Iterable[Rule] | None = None,
        *,
        sampler: Sampler | None = None,
    ) -> None:
        """Judge by rules.

        Args:
            on_alert: Called on the sampler's thread when an alert begins, and when it ends.
            rules: The rules; ``rules.default_rules()`` when left out.
            sampler: Whose samples; None where ``judge`` is called by hand.
        """
        self._on_alert = on_alert
        self._rules = tuple(default_rules() if rules is None else rules)
        self._before: dict[tuple[str, str], StageTotals] = {}  # of the last sample
        self._at: float | None = None  # when that was
        self._standing: dict[tuple[int, str, str], _Standing] = {}  # those above their bound
        self.close: Callable[[], None] = sampler.listen(self.judge) if sampler else _nothing

    @property
    def firing(self) -> tuple[tuple[Rule, str, str], ...]:
        """The rules that fire now, each with the flow and the stage."""
        return tuple(
            (self._rules[number], flow, stage)
            for (number, flow, stage), standing in self._standing.copy().items()
            if standing.firing
        )

    def judge(self, sample: Sample) -> None:
        """Judge a sample.

        Args:
            sample: It; not older than the one before.
        """
        seconds = 0.0 if self._at is None else sample.at - self._at
        stages = {(stage.flow, stage.stage): stage for stage in sample.reading.stages}
        changes: list[Alert] = []
        for key, stage in stages.items():
            # What was not there before has counted from 0, since the last sample.
            before = self._before.get(key) if self._at is not None else stage
            for number, rule in enumerate(self._rules):
                value = rule.read(stage, before, seconds)
                change = self._change(number, rule, stage, value, sample.at)
                if change is not None:
                    changes.append(change)
        self._before, self._at = stages, sample.at
        for change in changes:  # after all is noted: a callback may raise, or look
            self._on_alert(change)

    def _change(
        self, number: int, rule: Rule, stage: StageTotals, value: float, at: float
    ) -> Alert | None:
        """Note how a rule stands for a stage; give the alert that begins or ends."""
        key = (number, stage.flow, stage.stage)
        standing = self._standing.get(key)
        if value > rule.above:
            if standing is None:
                standing = self._standing[key] = _Standing(at)
            if standing.firing or at - standing.since < rule.hold:
                return None
            standing.firing = True
        elif standing is None or (standing.firing and value > rule.until):
            return None
        else:
            del self._standing[key]
            if not standing.firing:
                return None
            standing.firing = False
        return Alert(rule, stage.flow, stage.stage, value, standing.firing, standing.since, at)


def _nothing() -> None:
    pass
