"""How a Flow is shown, where it is the last line of a notebook's cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

picture: Callable[[Any], str] | None = None
"""Draws a Flow as an SVG. The facade says who does; a room below this one cannot be imported."""

text: Callable[[Any], str] | None = None
"""Explains a Flow in lines of text, for where there are no pictures."""
