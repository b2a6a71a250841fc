"""What the conformance suite checks on everything that is registered: the README's table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from unittest import SkipTest

from rxflow.kernel import hooks
from rxflow.testing.tck import Verification
from tests.tck.test_registry import MADE

Row = tuple[str, ...]


def rows() -> Iterator[Row]:
    """Run the suite; give, for each rule, its checks, where they held, and why not elsewhere."""
    checks: dict[str, set[str]] = {}
    held: Counter[str] = Counter()
    skipped: dict[str, Counter[str]] = {}
    reported, hooks.on_dropped_error = hooks.on_dropped_error, lambda error: None
    try:
        for made in MADE.values():
            for check, reason in outcomes(made):
                checks.setdefault(check.rule, set()).add(check.name)
                if reason is None:
                    held[check.rule] += 1
                else:
                    skipped.setdefault(check.rule, Counter())[reason] += 1
    finally:
        hooks.on_dropped_error = reported
    for rule in sorted(checks, key=lambda rule: [int(part) for part in rule.split(".")]):
        reasons = sorted(skipped.get(rule, Counter()).items())
        why = "; ".join(f"{number}: {reason}" for reason, number in reasons)
        yield rule, str(len(checks[rule])), str(held[rule]), why


def outcomes(made: type[Verification]) -> Iterator[tuple[Any, str | None]]:
    """Give each check, with the reason why it does not apply; raise where one fails."""
    verification = made()
    for check in made.checks():
        try:
            getattr(verification, check.name)()
        except SkipTest as skip:
            yield check, str(skip)
        else:
            yield check, None
