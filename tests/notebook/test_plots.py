"""The plots are no larger than what is seen of them."""

from __future__ import annotations

import re
from itertools import combinations, pairwise

from matplotlib.text import Text

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


def test_lines_that_take_the_same_way_are_all_seen() -> None:
    compared = compare(
        lambda source, strategy: source.pipe(ops.on_backpressure_buffer(50, overflow=strategy)),
        [rx.DROP_OLDEST, rx.DROP_NEWEST, rx.DROP_INCOMING, rx.DROP_ALL, rx.FAIL],
        [(0.7 * n, n) for n in range(20)],
        work=1.3,
    )
    assert len({outcome.waits for outcome in compared.outcomes}) == 1
    titled = {axes.get_title(): axes for axes in compared.figure().axes}
    waits = titled["How long items waited"]
    lines = waits.get_lines()
    assert len(lines) == 5
    broad = [line.get_linewidth() for line in lines]  # drawn in this order, each over the last
    assert broad == sorted(broad, reverse=True)
    assert min(one - other for one, other in pairwise(broad)) >= 0.5
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 5
    assert len({line.get_color() for line in lines}) == 5


def test_no_text_of_the_plots_covers_another_one() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    names = {f"a strategy with a long name {n}": rx.DROP_OLDEST for n in range(6)}
    compared = compare(
        lambda source, strategy: source.pipe(ops.on_backpressure_buffer(2, overflow=strategy)),
        {"DROP_ALL": rx.DROP_ALL, **names},
        [(0.1 * n, n) for n in range(200)],
        work=0.25,
    )
    figure = compared.figure()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    shown = [
        (text.get_text(), text.get_window_extent(canvas.get_renderer()))
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip()
    ]
    assert len(shown) > 30
    ticks = {
        label.get_text()
        for axes in figure.axes
        for label in (*axes.get_xticklabels(), *axes.get_yticklabels())
    }
    page = figure.bbox
    for text, box in shown:
        if text not in ticks:  # some ticks lie outside of their axes, and are not drawn
            assert page.x0 <= box.x0 < box.x1 <= page.x1, text
            assert page.y0 <= box.y0 < box.y1 <= page.y1, text
    for (one, box), (other, there) in combinations(shown, 2):
        if one not in ticks and other not in ticks:
            assert not box.overlaps(there), (one, other)
