"""Drawing: SVG by hand, in the colours of the page, with text whose width is known beforehand.

The text is monospaced, and a column is taken as ``COLUMN`` of the size of the font: a little
more than any common font of that kind has. So a layout can keep labels apart without a browser.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

SIZE = 14.0
"""Of text; one unit is 1/14 of the text size of the page (units)."""
SMALL = 12.0
COLUMN = 0.62
"""How broad a column of text is, in sizes of the font."""

# Okabe and Ito's, which people with any kind of colour vision can tell apart.
BLUE = "#0072B2"
SKY = "#56B4E9"
GREEN = "#009E73"
ORANGE = "#E69F00"
RED = "#D55E00"
PURPLE = "#CC79A7"

# Only where the picture is a document of its own, as in an <img>: there is no page to take the
# colour from, and a background of its own keeps it readable on any.
_ALONE = (
    "svg:root{color:#1b1f24;background:#fff}"
    "@media (prefers-color-scheme:dark){svg:root{color:#e8e8e8;background:#15181c}}"
)
_FONT = "ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace"


def clean(text: str) -> str:
    """Give a text that XML may hold, in one line.

    Args:
        text: Any.
    """
    return "".join(
        " " if char in "\t\n\r" else char if _allowed(ord(char)) else "\ufffd" for char in text
    )


def _allowed(code: int) -> bool:
    if code < 0x20 or 0x7F <= code < 0xA0 or code & 0xFFFE == 0xFFFE:
        return False
    # No surrogates, and nothing that changes the direction of what follows.
    bidirectional = code in (0x061C, 0x200E, 0x200F) or 0x202A <= code <= 0x202E
    return not (0xD800 <= code < 0xE000 or bidirectional or 0x2066 <= code <= 0x2069)


def columns(text: str) -> int:
    """Count the columns that a text takes in a monospaced font.

    Args:
        text: A clean one.
    """
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def width(text: str, size: float = SIZE) -> float:
    """Tell how broad a text is at most (units).

    Args:
        text: It.
        size: Of the font (units).
    """
    return columns(clean(text)) * COLUMN * size


def cut(text: str, most: int) -> str:
    """Shorten a text, with an ellipsis at its end.

    Args:
        text: It.
        most: So many columns are left at most.
    """
    text = clean(text[: 4 * most + 4])  # as much as may be seen
    taken = 0
    for place, char in enumerate(text):
        taken += columns(char)
        if taken > most:
            while columns(text[:place]) > most - 1:
                place -= 1
            return f"{text[:place]}…"
    return text


@dataclass(frozen=True, slots=True)
class Box:
    """Where a text is (units)."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Tell whether two have more than an edge in common.

        Args:
            other: The other one.
        """
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


class Drawing:
    """A picture that grows as things are drawn on it.

    Attributes:
        breadth: How broad it is (units).
        height: How high it is (units).
    """

    def __init__(self, title: str, description: str) -> None:
        """Begin an empty one.

        Args:
            title: What it is, in a few words.
            description: What it shows, for those who cannot see it.
        """
        self.breadth: float = 0.0
        self.height: float = 0.0
        self._root = ElementTree.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "role": "img",
                "aria-label": clean(title),
                "font-family": _FONT,
                "fill": "none",
                "stroke-width": "1.5",
            },
        )
        for tag, text in (("title", title), ("desc", description), ("style", _ALONE)):
            ElementTree.SubElement(self._root, tag).text = clean(text)

    def shape(self, tag: str, tip: str = "", **attributes: object) -> ElementTree.Element:
        """Draw a shape.

        Args:
            tag: The element of SVG.
            tip: What is shown to those who point at it.
            attributes: Of the element; an underscore stands for a hyphen.
        """
        written = {key.replace("_", "-"): _written(value) for key, value in attributes.items()}
        element = ElementTree.SubElement(self._root, tag, written)
        if tip:
            ElementTree.SubElement(element, "title").text = clean(tip)
        return element

    def line(self, x1: float, y1: float, x2: float, y2: float, **attributes: object) -> None:
        """Draw a line, in the colour of the text unless told otherwise."""
        style: dict[str, Any] = {"stroke": "currentColor", **attributes}
        self.shape("line", x1=x1, y1=y1, x2=x2, y2=y2, **style)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = SIZE,
        anchor: str = "start",
        tip: str = "",
        **attributes: object,
    ) -> Box:
        """Write a line of text.

        Args:
            x: Where it begins, or its middle or end, as the anchor says (units).
            y: Its baseline (units).
            text: It.
            size: Of the font (units).
            anchor: "start", "middle" or "end".
            tip: What is shown to those who point at it.
            attributes: More of the element.

        Returns:
            Where it is.
        """
        text = clean(text)
        style: dict[str, Any] = {"fill": "currentColor", "font_size": size, **attributes}
        if anchor != "start":
            style["text_anchor"] = anchor
        self.shape("text", tip, x=x, y=y, **style).text = text
        broad = width(text, size)
        left = x - {"start": 0.0, "middle": broad / 2, "end": broad}[anchor]
        self.breadth = max(self.breadth, left + broad)
        self.height = max(self.height, y + size * 0.25)
        return Box(left, y - size * 0.8, left + broad, y + size * 0.25)

    def finished(self) -> str:
        """Give the SVG; it is as broad as its page allows, and scales with its text."""
        broad, high = self.breadth + 8, self.height + 8
        self._root.set("viewBox", f"0 0 {_written(broad)} {_written(high)}")
        self._root.set("width", f"{broad / SIZE:.2f}em")
        self._root.set("style", "max-width:100%;height:auto")
        return ElementTree.tostring(self._root, encoding="unicode")


def _written(value: object) -> str:
    if isinstance(value, float):
        return f"{round(value, 1):g}" if abs(value) < 100_000 else f"{value:.1f}"
    return clean(str(value))
