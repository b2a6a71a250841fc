"""``python -m rxflow``: what can be run without writing a program."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from .demo import cli as demo
from .monitor import top


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
    demonstrating = commands.add_parser(
        "demo", help=demo.SUMMARY, description=demo.DESCRIPTION, epilog=demo.EPILOG
    )
    demo.add_arguments(demonstrating)
    demonstrating.set_defaults(run=demo.run)
    looking = commands.add_parser(
        "top", help=top.SUMMARY, description=top.DESCRIPTION, epilog=top.EPILOG
    )
    top.add_arguments(looking)
    looking.set_defaults(run=partial(top.run, demo=demo.consume))
    options = parser.parse_args(arguments)
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
