"""A real kernel of IPython, in a process of its own, as JupyterLab has one for each notebook."""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 180  # seconds; only a hang gets there


def without(*modules: str) -> str | None:
    """Say which of the packages that a test needs is missing, if one is."""
    for module in ("anywidget", "ipykernel", "jupyter_client", *modules):
        if find_spec(module) is None:
            return f"{module} is not installed: pip install '.[browser]'"
    return None


@dataclass
class Cell:
    """What came of one run of a cell."""

    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    reply: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def printed(self) -> str:
        """What was printed on the standard output."""
        return "".join(
            message["content"]["text"]
            for message in self.messages
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout"
        )

    @property
    def complaints(self) -> str:
        """What was printed on the standard error."""
        return "".join(
            message["content"]["text"]
            for message in self.messages
            if message["msg_type"] == "stream" and message["content"]["name"] == "stderr"
        )

    @property
    def result(self) -> str:
        """The value of the last line, as text."""
        (found,) = (each for each in self.messages if each["msg_type"] == "execute_result")
        return found["content"]["data"]["text/plain"]

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """Give the contents of the messages of a type."""
        return [each["content"] for each in self.messages if each["msg_type"] == kind]


class Notebook:
    """Runs cells in a kernel, as a front end does."""

    def __init__(self, manager: Any, client: Any) -> None:
        self.manager = manager
        self.client = client
        self.seen: list[dict[str, Any]] = []  # all messages, of whatever cell

    def begin(self, code: str, cell: str | None = None) -> str:
        """Begin to run a cell; ``finish`` waits for it."""
        session = self.client.session
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        metadata = {} if cell is None else {"cellId": cell}
        message = session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def finish(self, begun: str) -> Cell:
        """Wait until a run of a cell is over."""
        cell = Cell()

        def idle(message: dict[str, Any]) -> bool:
            if message["parent_header"].get("msg_id") != begun:
                return False
            cell.messages.append(message)
            status = message["msg_type"] == "status"
            return status and message["content"]["execution_state"] == "idle"

        self.until(idle)
        while not cell.reply:
            reply = self.client.get_shell_msg(timeout=PATIENCE)
            if reply["parent_header"].get("msg_id") == begun:
                cell.reply = reply["content"]
        return cell

    def run(self, code: str, cell: str | None = None) -> Cell:
        """Run a cell that is to succeed."""
        done = self.finish(self.begin(code, cell))
        assert done.reply["status"] == "ok", done.reply
        return done

    def until(self, found: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read what the kernel publishes until something is found."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"nothing of that kind came: {self.seen[-5:]}") from None
            self.seen.append(message)
            if found(message):
                return message

    def until_printed(self, text: str) -> None:
        """Read until something was printed."""
        self.until(lambda it: it["msg_type"] == "stream" and text in it["content"]["text"])

    def interrupt(self) -> None:
        """Interrupt the cell that runs."""
        self.manager.interrupt_kernel()


@contextmanager
def notebook(**output: Any) -> Generator[Notebook]:
    """Start a kernel, and end it.

    Args:
        output: Where its own output goes, as for Popen; ``stderr``.
    """
    from jupyter_client.manager import KernelManager

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JUPYTER_PLATFORM_DIRS": "1"}
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env=environment, cwd=str(ROOT), **output)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        yield Notebook(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
