"""A real Prometheus server of the test's own, on loopback, with a short memory."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from prometheus_client import CollectorRegistry, make_wsgi_app

PATIENCE = 60.0
"""For what must come; a machine that is busy makes no test fail (seconds)."""

MISSING = (
    "Prometheus is not installed: Debian's package 'prometheus' brings 'prometheus' and 'promtool'"
)

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None, reason=MISSING
)

CONFIG = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: rxflow
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def until(condition: Callable[[], Any]) -> Any:
    """Wait until something is true, and give it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"it did not come: {condition}"
        time.sleep(0.02)
    return found


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


@contextmanager
def exposed(registry: CollectorRegistry) -> Iterator[int]:
    """Serve a registry on a port of loopback, which is given."""
    with make_server("127.0.0.1", 0, make_wsgi_app(registry), handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class Server:
    """The API of a running Prometheus."""

    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}"

    def ready(self) -> bool:
        try:
            with urlopen(f"{self._base}/-/ready", timeout=PATIENCE) as answer:
                return bool(answer.status == 200)
        except URLError:
            return False

    def get(self, path: str, **arguments: str) -> Any:
        with urlopen(
            f"{self._base}/api/v1/{path}?{urlencode(arguments)}", timeout=PATIENCE
        ) as answer:
            report = json.load(answer)
        assert report["status"] == "success", report
        return report["data"]

    def query(self, text: str) -> list[tuple[dict[str, str], float]]:
        """Give the labels and the value of each series of a query."""
        result = self.get("query", query=text)["result"]
        return [(each["metric"], float(each["value"][1])) for each in result]

    def one(self, text: str) -> float | None:
        """Give the value of the only series of a query, once there is one."""
        found = self.query(text)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def firing(self) -> set[tuple[str, str, str]]:
        """Give the name, the flow and the stage of each alert that fires."""
        return {
            (each["labels"]["alertname"], each["labels"]["flow"], each["labels"]["stage"])
            for each in self.get("alerts")["alerts"]
            if each["state"] == "firing"
        }


@contextmanager
def prometheus(folder: Path, scraped: int, rules: str) -> Iterator[Server]:
    """Run a Prometheus that scrapes a port of loopback and judges by rules."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "rules.yml").write_text(rules)
    (folder / "prometheus.yml").write_text(CONFIG.format(port=scraped))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        server = Server(port)
        until(lambda: server.ready() or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(PATIENCE)
