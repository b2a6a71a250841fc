"""The plots are no larger than what is seen of them."""

from __future__ import annotations

import re

import rxflow as rx
from rxflow import operators as ops
from rxflow.notebook import compare
from rxflow.notebook.plots import drawn


def test_places_have_hundredths_of_a_point() -> None:
    compared = compare(
        lambda source, strategy: source.pipe(ops.on_backpressure_buffer(2, overflow=strategy)),
        [rx.DROP_OLDEST],
        [(0.7 * n, n) for n in range(20)],
        work=1.3,
    )
    paths = re.findall(r'\bd="([^"]*)"', drawn(compared.outcomes))
    assert len(paths) > 10
    assert any(re.search(r"\.\d\d", path) for path in paths)
    assert [path for path in paths if re.search(r"\.\d{3}|\n", path)] == []
