"""A sampler that is told what to read reads nothing else, and adds nothing up."""

from __future__ import annotations

import rxflow as rx
from rxflow.monitor import Sample, Sampler
from rxflow.testing import TestSubscriber


def test_it_reads_what_it_is_told_to_and_keeps_no_totals() -> None:
    mine, other = TestSubscriber[int](2), TestSubscriber[int](1)
    rx.range(5).subscribe(mine)
    rx.range(5).subscribe(other)
    told: list[Sample] = []
    sampler = Sampler(of=lambda: [mine.subscription])
    sampler.listen(told.append)
    sample = sampler.sample(3.5)
    assert told == [sample]
    assert sample.at == 3.5
    ((found, stages),) = [(it.consumer, it.stages) for it in sample.reading.subscriptions]
    assert found is mine.subscription
    assert stages[-1].delivered == 2
    assert (sample.reading.stages, sample.reading.flows) == ((), ())
    mine.cancel()
    other.cancel()
