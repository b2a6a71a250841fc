"""Warnings in the log when a stage fills up, begins to drop, or stalls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from ..kernel import hooks
from .alerts import Alert, Alerts
from .rules import STALLED, Rule, dropping, filling, stalled
from .sampling import Sample, Sampler


class WarningLog:
    """Writes a warning for each alert that begins, and a line when it is over.

        log = WarningLog(Sampler(1.0).start())

    There is at most one warning about a rule and a stage in ``every`` seconds; the next
    one tells how many were kept back. Each record carries ``flow``, ``stage``, ``rule``,
    ``value`` and ``suppressed``, named with "rxflow_" before them, for structured logs. Of
    a flow that is stalled only the stage nearest to the consumer is named: it is what
    comes after that one that has no demand.
    """

    def __init__(
        self,
        sampler: Sampler | None = None,
        rules: Iterable[Rule] | None = None,
        *,
        every: float = 60.0,
        logger: logging.Logger | None = None,
    ) -> None:
        """Warn by rules.

        Args:
            sampler: Whose samples; None where ``judge`` is called by hand.
            rules: The rules; 80 % of a capacity for 10 seconds, any drop, and 30 seconds
                without demand when left out.
            every: Least time between two warnings about the same (seconds).
            logger: Where to; the logger "rxflow.monitor" when left out.
        """
        self._every = every
        self._logger = hooks.log.getChild("monitor") if logger is None else logger
        self._changes: list[Alert] = []  # of the sample that is judged
        self._last: dict[tuple[str, str, str], float] = {}  # when it was warned of
        self._suppressed: dict[tuple[str, str, str], int] = {}  # warnings kept back since
        self._alerts = Alerts(
            self._changes.append, (filling(), dropping(), stalled()) if rules is None else rules
        )
        self.close: Callable[[], None] = sampler.listen(self.judge) if sampler else _nothing

    def judge(self, sample: Sample) -> None:
        """Judge a sample.

        Args:
            sample: It; not older than the one before.
        """
        self._alerts.judge(sample)
        changes = self._changes.copy()
        self._changes.clear()
        # Those of a stalled flow come source first, so the last one is nearest to the consumer.
        nearest = {a.flow: a for a in changes if a.firing and a.rule.name == STALLED}
        for alert in changes:
            if not alert.firing:
                self._tell_end(alert)
            elif alert.rule.name != STALLED or nearest[alert.flow] is alert:
                self._warn(alert)

    def _warn(self, alert: Alert) -> None:
        key = (alert.rule.name, alert.flow, alert.stage)
        last = self._last.get(key)
        if last is not None and alert.at - last < self._every:
            self._suppressed[key] = self._suppressed.get(key, 0) + 1
            return
        self._last[key] = alert.at
        suppressed = self._suppressed.pop(key, 0)
        more = f" ({suppressed} more since the last warning)" if suppressed else ""
        extra = {**_extra(alert), "rxflow_suppressed": suppressed}
        self._logger.warning("%s%s", alert.text, more, extra=extra)

    def _tell_end(self, alert: Alert) -> None:
        """Say that it is over, if the warning was the last that was heard of it."""
        key = (alert.rule.name, alert.flow, alert.stage)
        if self._suppressed.get(key) or key not in self._last:
            return
        self._logger.info(
            "%s: %s: %s is over after %.1f s",
            *(alert.flow, alert.stage, alert.rule.name, alert.at - alert.since),
            extra=_extra(alert),
        )


def _extra(alert: Alert) -> dict[str, object]:
    return {
        "rxflow_flow": alert.flow,
        "rxflow_stage": alert.stage,
        "rxflow_rule": alert.rule.name,
        "rxflow_value": alert.value,
    }


def _nothing() -> None:
    pass
