"""The data: all departures of 2 December 2013 from the three New York airports."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

MINUTES_A_DAY = 24 * 60

Row = Mapping[str, str]
"""One line of the data file by column, as text; DATA.md says what the columns are."""


@dataclass(frozen=True, slots=True)
class Departure:
    """One flight that has left.

    Attributes:
        minute: When it left (minutes after midnight of the day it was scheduled for).
        delay: How much later than scheduled that was (minutes; negative is early).
        flight: Carrier and flight number.
        origin: The airport it left.
        dest: The airport it goes to.
        distance: How far that is (miles).
    """

    minute: int
    delay: int
    flight: str
    origin: str
    dest: str
    distance: int


def read() -> list[Row]:
    """Read the day, in the order in which the flights left."""
    text = files("rxflow.demo").joinpath("departures.csv").read_text(encoding="ascii")
    return list(csv.DictReader(text.splitlines()))


def parse(row: Row) -> Departure:
    """Make sense of one row."""
    return Departure(
        minute=minute_of(row),
        delay=int(row["dep_delay"]),
        flight=f"{row['carrier']} {row['flight']}",
        origin=row["origin"],
        dest=row["dest"],
        distance=int(row["distance"]),
    )


def minute_of(row: Row) -> int:
    """Give the minute of departure, which passes midnight with the late ones."""
    hours, minutes = divmod(int(row["sched_dep_time"]), 100)
    return hours * 60 + minutes + int(row["dep_delay"])


def clock(minute: int) -> str:
    """Write a minute as the time on a clock."""
    hours, minutes = divmod(minute % MINUTES_A_DAY, 60)
    return f"{hours:02}:{minutes:02}"
