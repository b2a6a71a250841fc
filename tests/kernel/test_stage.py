"""Stages: what one does that says nothing of the end, and those without memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rxflow.flow import Flow
from rxflow.kernel import Context, Plain, Pulled, Stage
from tests.kernel.recorder import COMPLETED, Recorder


class Doubled(Stage):
    """Says nothing of the end."""

    def run(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            yield 2 * item


def test_a_stage_holds_nothing_back_unless_it_says_so():
    stage = Doubled()
    assert stage.holds() is False
    assert list(stage.finish()) == []
    assert (stage.done, stage.releases, stage.catches) == (False, False, False)
    assert stage.demand(7) == 7


def test_the_end_passes_a_stage_that_holds_nothing_without_demand():
    recorder = Recorder(2)
    flow = Flow[Any](lambda context: Pulled(iter([1, 2])), (lambda context: Doubled(),))
    flow.subscribe(recorder)
    assert recorder.signals == [("subscribed",), ("next", 2), ("next", 4), COMPLETED]


def test_a_plain_stage_is_its_own_factory_and_serves_all():
    stage = Plain(lambda items: map(str, items))
    assert stage(Context(lambda: None)) is stage
    assert list(stage.run(iter([1, 2]))) == ["1", "2"]
    assert list(stage.run(iter([3]))) == ["3"]
