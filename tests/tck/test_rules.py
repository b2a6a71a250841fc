"""The rules of Reactive Streams 1.0.4 that the conformance suite has checks for."""

from __future__ import annotations

import pytest

from rxflow.testing.tck import (
    ProcessorVerification,
    Verification,
    WhiteBoxSubscriberVerification,
)
from rxflow.testing.tck.environment import Kind

RULES = {
    *(f"1.{n}" for n in range(1, 12)),
    *(f"2.{n}" for n in range(1, 14)),
    *(f"3.{n}" for n in range(1, 18)),
}
"""All but those of section 4: a Processor keeps to the rules of both of its sides."""

UNTESTED = (
    *("1.6", "1.7", "1.8", "1.10"),  # of 1.7 what follows on_error
    *("2.2", "2.4", "2.6", "2.7", "2.11", "2.12", "2.13"),  # of 2.13 a Subscriber that raises
    *("3.1", "3.4", "3.10", "3.11", "3.14", "3.15", "3.16"),
)
"""What the JVM's own kit leaves untested, the whole rule or a half of it."""

SUITES: tuple[type[Verification], ...] = (ProcessorVerification, WhiteBoxSubscriberVerification)


def test_each_rule_has_a_check() -> None:
    assert {check.rule for suite in SUITES for check in suite.checks()} == RULES


@pytest.mark.parametrize("rule", UNTESTED)
def test_a_rule_that_the_kit_of_the_jvm_leaves_untested_has_a_check_of_its_own(rule: str) -> None:
    kinds = [check.kind for suite in SUITES for check in suite.checks() if check.rule == rule]
    assert Kind.UNTESTED in kinds


@pytest.mark.parametrize("suite", SUITES)
def test_a_check_is_named_with_the_number_of_its_rule_and_says_what_it_looks_at(
    suite: type[Verification],
) -> None:
    for check in suite.checks():
        number = f"spec{check.rule.partition('.')[0]}{int(check.rule.partition('.')[2]):02}"
        general = "_a_publisher_of_" in check.name or check.name.endswith(
            "_what_is_emitted_arrives"
        )
        assert number in check.name or general, check
        assert check.summary
        assert check.name.startswith(f"test_{check.kind.name.lower()}_"), check
