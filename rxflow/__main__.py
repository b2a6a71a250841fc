"""``python -m rxflow``: what can be run without writing a program."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .demo import cli as demo


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that is named on the command line.

    Args:
        arguments: The command line; None for that of this process.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(
        prog="python -m rxflow", description="Reactive streams with demand, on real input."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    demo.add_arguments(
        commands.add_parser(
            "demo", help=demo.SUMMARY, description=demo.DESCRIPTION, epilog=demo.EPILOG
        )
    )
    return demo.run(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
