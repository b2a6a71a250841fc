"""The data file is what DATA.md says."""

from collections import Counter
from importlib.resources import files

from rxflow.demo.departures import MINUTES_A_DAY, clock, minute_of, parse, read

ROWS = read()


def test_it_has_the_departures_that_its_provenance_counts():
    provenance = files("rxflow.demo").joinpath("DATA.md").read_text(encoding="utf-8")
    assert f"{len(ROWS):,} departures" in provenance
    for airport, departures in Counter(row["origin"] for row in ROWS).items():
        assert f"{airport}, {departures}" in provenance
    for column in ROWS[0]:
        assert f"`{column}`" in provenance


def test_no_row_has_an_empty_field():
    assert all(value for row in ROWS for value in row.values())


def test_rows_are_in_the_order_of_departure():
    minutes = [minute_of(row) for row in ROWS]
    assert minutes == sorted(minutes)
    assert sum(minute >= MINUTES_A_DAY for minute in minutes) == 1


def test_schedule_and_delay_add_up_to_the_departure():
    for row in ROWS:
        assert clock(minute_of(row)).replace(":", "") == row["dep_time"].zfill(4)


def test_a_row_is_parsed():
    first = parse(ROWS[0])
    assert (clock(first.minute), first.delay, first.flight) == ("04:52", -8, "US 1895")
    assert (first.origin, first.dest, first.distance) == ("EWR", "CLT", 529)
