"""Where the live panel is shown: in the output of a cell of Jupyter, or of marimo."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

STYLE: str = Path(__file__).with_name("panel.css").read_text(encoding="utf-8")
"""The style sheet of what is shown. The live view gets it once, so that it is in no update."""


def document(picture: str) -> str:
    """Give a picture with its style sheet, as it can be shown anywhere.

    Args:
        picture: As HTML.
    """
    return f"<style>{STYLE}</style>{picture}"


@cache
def _widget_class() -> Any:
    """Make the class of the widget when there is a first panel: the import takes long."""
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise ImportError(
            "a live panel in a notebook needs anywidget: pip install 'rxflow-streams[notebook]'"
        ) from error

    class PanelWidget(anywidget.AnyWidget):
        _esm = Path(__file__).with_name("panel.js").read_text(encoding="utf-8")
        _css = STYLE
        picture = traitlets.Unicode("").tag(sync=True)

    return PanelWidget


def _shell() -> Any:
    """Give the shell of the kernel that runs here, if one does."""
    module = sys.modules.get("IPython")  # where it was not imported, no kernel runs
    shell = None if module is None else module.get_ipython()
    return shell if hasattr(shell, "kernel") else None


def execution() -> tuple[str | None, str | None]:
    """Tell which cell runs now, and which run of it that is; None where it is not known."""
    shell = _shell()
    if shell is None:
        return None, None
    parent = shell.get_parent()
    return parent.get("metadata", {}).get("cellId"), parent.get("header", {}).get("msg_id")


def after_each_cell(call: Callable[[str | None], object]) -> None:
    """Have ``call`` called at the end of each run of a cell, before the front end hears of it.

    Args:
        call: Function of the run. One that is given again is called once.
    """
    shell = _shell()
    if shell is None or any(each.call is call for each in _after):
        return
    after = _After(call)
    _after.append(after)
    shell.events.register("post_run_cell", after)


class _After:
    def __init__(self, call: Callable[[str | None], object]) -> None:
        self.call = call

    def __call__(self, _: object = None) -> None:
        self.call(execution()[1])


_after: list[_After] = []


class Screen:
    """The output in which a panel is shown. Used by one thread at a time."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._id = uuid4().hex  # of the display, by which it is changed later
        self._widget: Any = None
        self.displayed: bool = False  # in Jupyter, where what is displayed can be exchanged

    @property
    def dark(self) -> bool:
        """Whether it shows a picture, and not the live view any more."""
        return self.displayed and self._widget is None

    def widget(self, picture: str) -> Any:
        """Give the live view, which shows what is drawn.

        Args:
            picture: What it shows at first, if it is new.
        """
        if self._widget is None:
            self._widget = _widget_class()(picture=picture)
        return self._widget

    def bundle(self, picture: str, text: str) -> dict[str, Any]:
        """Give what is displayed: the live view, and a picture for where that cannot be.

        Args:
            picture: As HTML.
            text: As text.
        """
        view = {
            "version_major": 2,
            "version_minor": 0,
            "model_id": self.widget(picture).model_id,
        }
        return {
            "text/plain": text,
            "text/html": document(picture),
            "application/vnd.jupyter.widget-view+json": view,
        }

    def display(self, picture: str, text: str, *, again: bool = False) -> None:
        """Display the live view in the cell that runs, if there is a kernel.

        Args:
            picture: As HTML.
            text: As text.
            again: Display it where it was displayed, instead of what is there.
        """
        if _shell() is not None:
            self._publish(self.bundle(picture, text), update=again)
            self.displayed = True

    def draw(self, picture: str) -> None:
        """Change what the live view shows: one message."""
        if self._widget is not None:
            self._widget.picture = picture

    def settle(self, picture: str, text: str) -> None:
        """Show the last picture; in Jupyter without the live view, so that it stays when saved."""
        self.draw(picture)
        widget = self._widget
        if self.displayed and widget is not None:
            self._publish({"text/plain": text, "text/html": document(picture)}, update=True)
            self._widget = None
            widget.layout.close()
            widget.close()

    def _publish(self, bundle: dict[str, Any], update: bool) -> None:
        shell = _shell()
        shell.display_pub.publish(
            data=bundle, metadata={}, transient={"display_id": self._id}, update=update
        )
