"""Sends bursts of events to standard output, and waits for nobody: what ``bursts`` is for.

``python -m rxflow.examples.burster --bursts 3 | python -m rxflow.examples.bursts``: each event is a
line of its kind, its key and the time at which it was sent, such as ``quote 17 1700000000.25``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from random import Random

BURST, EVERY = 50_000, 1.0  # events in a burst, and from one's beginning to that of the next (s)


def burst(random: Random, size: int = BURST) -> Iterator[bytes]:
    """Give the lines of one burst: a tenth are trades, half are quotes of 200 symbols.

    Args:
        random: Says which.
        size: How many (events).
    """
    for _ in range(size):
        share = random.random()
        kind = "trade" if share < 0.1 else "quote" if share < 0.6 else "log"
        key = random.randrange(5 if kind == "log" else 200)
        yield f"{kind} {key} {time.time()}\n".encode()


def main() -> None:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(description="Sends bursts of events.")
    parser.add_argument("--bursts", type=int, default=3)
    parser.add_argument("--size", type=int, default=BURST, help="of a burst (events)")
    told = parser.parse_args()
    random, begun = Random(1), time.monotonic()
    for number in range(told.bursts):
        time.sleep(max(0.0, begun + number * EVERY - time.monotonic()))
        sys.stdout.buffer.writelines(burst(random, told.size))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
