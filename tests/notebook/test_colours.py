"""The colours of the pictures can be told apart, by whatever eyes and on whatever page."""

from __future__ import annotations

from itertools import combinations
from math import dist

import pytest

from rxflow.notebook import svg

COLOURS = {name: getattr(svg, name) for name in ("BLUE", "SKY", "GREEN", "ORANGE", "RED", "PURPLE")}

# Of linear red, green and blue: what is seen by those who lack one kind of cones (Machado,
# Oliveira and Fernandes 2009, severity 1).
SEEN = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
Colour = tuple[float, float, float]


def linear(text: str) -> Colour:
    parts = [int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return red, green, blue


def times(matrix: tuple[Colour, ...], colour: Colour) -> Colour:
    one, two, three = (
        sum(by * part for by, part in zip(row, colour, strict=True)) for row in matrix
    )
    return one, two, three


def lab(colour: Colour) -> Colour:
    """Give a colour in CIE L*a*b*, where equal distances look equally large."""
    to_xyz = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    white = (0.9505, 1.0, 1.089)
    clipped = times(to_xyz, (max(0.0, colour[0]), max(0.0, colour[1]), max(0.0, colour[2])))
    x, y, z = (
        part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116
        for part in (value / of for value, of in zip(clipped, white, strict=True))
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def light(colour: Colour) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


@pytest.mark.parametrize("eyes", SEEN)
def test_any_two_are_told_apart_by(eyes: str) -> None:
    seen = {name: lab(times(SEEN[eyes], linear(text))) for name, text in COLOURS.items()}
    near = {pair: dist(seen[pair[0]], seen[pair[1]]) for pair in combinations(seen, 2)}
    closest = min(near, key=lambda pair: near[pair])
    assert near[closest] > 15, (closest, near[closest])  # 2.3 can just be noticed


@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
def test_what_marks_a_block_is_seen_on_a_light_and_on_a_dark_page(page: str) -> None:
    ratios = {}
    for name, text in COLOURS.items():
        low, high = sorted((light(linear(text)), light(linear(page))))
        ratios[name] = (high + 0.05) / (low + 0.05)
    # Stretches in ORANGE and SKY have an edge in the colour of the text; in plots they are areas.
    assert min(ratio for name, ratio in ratios.items() if name not in ("ORANGE", "SKY")) > 2.9
    assert min(ratios.values()) > 2
