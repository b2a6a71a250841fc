"""What differs between the outputs of two runs of a notebook.

Pictures are compared by their elements, their texts and their numbers; of the plots, which
matplotlib draws anew with each of its versions, the texts count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
PLOT = re.compile(r"<svg\b(?:(?!</svg>).)*?matplotlib.*?</svg>", re.DOTALL | re.IGNORECASE)
TEXT = re.compile(r"<text\b[^>]*>(.*?)</text>", re.DOTALL)
TOLERANCE = 1e-3
"""So much two numbers of a picture may differ: what a rounding makes."""


def differences(before: Any, after: Any) -> Iterator[str]:
    """Tell which cells give something else; of those tagged ``varies``, which give nothing.

    Args:
        before: A notebook, as it is committed.
        after: The same one, run again.
    """
    for old, new in zip(before["cells"], after["cells"], strict=True):
        if old["cell_type"] != "code":
            continue
        if "varies" in old["metadata"].get("tags", ()):
            kinds = [[each["output_type"] for each in cell["outputs"]] for cell in (old, new)]
            same = bool(kinds[0]) == bool(kinds[1]) and "error" not in kinds[0] + kinds[1]
        else:
            same = [*shown(old)] == [*shown(new)]
        if not same:
            yield f"cell {old['id']}: {''.join(old['source'])[:60]!r}"


def shown(cell: Any) -> Iterator[tuple[Any, ...]]:
    """Give what a cell shows, each output in a form that can be compared."""
    for output in cell["outputs"]:
        kind = output["output_type"]
        if kind == "stream":
            yield kind, output["name"], "".join(output["text"])
        elif kind == "error":
            yield kind, output["ename"], output["evalue"]
        else:
            for form, data in sorted(output["data"].items()):
                text = "".join(data) if isinstance(data, list | str) else repr(data)
                yield kind, form, seen(text) if form != "text/plain" else text


def seen(markup: str) -> tuple[str, ...]:
    """Give what is seen in a picture or in a page: its elements, with numbers rounded."""
    plots = [tuple(TEXT.findall(plot)) for plot in PLOT.findall(markup)]
    rest = PLOT.sub("<plot/>", markup)
    return tuple(re.split(r"(?=<)", NUMBER.sub(_rounded, rest))), *map(str, plots)  # type: ignore[return-value]


def _rounded(number: re.Match[str]) -> str:
    return f"{round(float(number[0]) / TOLERANCE) * TOLERANCE:.3f}"
