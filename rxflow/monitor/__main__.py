"""``python -m rxflow.monitor dashboard`` and ``rules``: files for Grafana and Prometheus."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from .grafana import dashboard
from .rules import prometheus_rules


def main(arguments: Sequence[str] | None = None) -> int:
    """Write a file to the standard output.

    Args:
        arguments: The command line; None for that of this process.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m rxflow.monitor", description="Files for those who watch rxflow."
    )
    parser.add_argument(
        "file",
        choices=["dashboard", "rules"],
        help="a dashboard to import into Grafana (JSON), or alerting rules of Prometheus (YAML)",
    )
    wanted = parser.parse_args(arguments).file
    text = prometheus_rules() if wanted == "rules" else json.dumps(dashboard(), indent=2) + "\n"
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
