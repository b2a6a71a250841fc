"""What the tests see in an SVG: its texts, where they are, and what must not be there."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree

from rxflow.notebook.svg import Box, width

NAMESPACE = "{http://www.w3.org/2000/svg}"
ASCENT, DESCENT = 0.8, 0.25
"""How far a text reaches above and below its baseline (sizes of the font)."""


def parsed(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{NAMESPACE}svg"
    return root


def elements(svg: str, tag: str) -> list[ElementTree.Element]:
    return list(parsed(svg).iter(f"{NAMESPACE}{tag}"))


def own_text(element: ElementTree.Element) -> str:
    return element.text or ""


def texts(svg: str) -> list[str]:
    return [own_text(element) for element in elements(svg, "text")]


def tips(svg: str) -> list[str]:
    """Give what is shown to those who point at something."""
    return [
        own_text(title)
        for element in parsed(svg).iter()
        if element.tag != f"{NAMESPACE}svg"
        for title in element.findall(f"{NAMESPACE}title")
    ]


def boxes(svg: str) -> list[tuple[str, Box]]:
    """Give each text with where it is: a column is taken as the width that `svg.width` states."""
    found: list[tuple[str, Box]] = []
    for element in elements(svg, "text"):
        x, y, size = (float(element.get(name, "0")) for name in ("x", "y", "font-size"))
        broad = width(own_text(element), size)
        anchor = element.get("text-anchor", "start")
        left = x - {"start": 0.0, "middle": broad / 2, "end": broad}[anchor]
        found.append(
            (own_text(element), Box(left, y - ASCENT * size, left + broad, y + DESCENT * size))
        )
    return found


def overlaps(svg: str) -> list[tuple[str, str]]:
    """Give the texts that cover each other."""
    return [
        (one, other)
        for (one, box), (other, there) in combinations(boxes(svg), 2)
        if box.overlaps(there)
    ]


def outside(svg: str) -> list[str]:
    """Give the texts that are cut off at the edge of the picture."""
    left, top, broad, high = map(float, parsed(svg).get("viewBox", "").split())
    return [
        text
        for text, box in boxes(svg)
        if box.left < left or box.top < top or box.right > left + broad or box.bottom > top + high
    ]


def assert_clear(svg: str) -> None:
    """Assert what holds for each picture."""
    root = parsed(svg)
    assert overlaps(svg) == []
    assert outside(svg) == []
    assert elements(svg, "script") == []
    assert not [name for each in root.iter() for name in each.attrib if name.startswith("on")]
    children = [child.tag.removeprefix(NAMESPACE) for child in root][:2]
    assert children == ["title", "desc"]
    assert root.get("role") == "img"
    for element in elements(svg, "text"):
        assert element.get("fill") == "currentColor", "a text has not the colour of the page"
    assert root.get("width", "").endswith("em"), "it does not scale with the text of the page"
