"""A callback that raises is found by the note of its error: which operator, added at which line."""

from __future__ import annotations

from tests.support_together import together

from .cases import DOORS, LATE, OPERATORS, Case, Outcome
from .source_cases import SOURCES
from .test_callbacks import CONSUMERS, Run
from .worlds import Fault, PlantedError, World

SIGNALLED = [
    case
    for case in (*OPERATORS, *LATE, *DOORS, *SOURCES)
    if case.outcome is not Outcome.REPORTED
    and (not case.consumers or "all at once" in case.consumers)
]


# What comes of an object that was made for the test, whose class knows nothing of the function
# that fails, cannot be told; and where an operator is made of others, it is the one inside.
OTHERWISE: dict[str, str | None] = {
    "group_by_until-subject_mapper": None,
    "delay_subscription-scheduler": None,
    "from_publisher-publisher-subscribe": None,
    "supervise-operator": "map",
    "sample-sampler-iterator": "from_iterable",
}


@together("case", SIGNALLED)
def test_the_operator_is_named_with_its_line(case: Case) -> None:
    fault = Fault(case.calls[0], PlantedError())
    expected = OTHERWISE.get(str(case), case.name)
    world, run = World(fault, case.kinds[0]), Run()
    CONSUMERS["all at once"](run, case.build(world), world, case)
    assert run.ends == [fault.error]
    if expected is None:
        assert not hasattr(fault.error, "__notes__")
        return
    (note,) = fault.error.__notes__
    assert note.startswith(f"in {expected}, added at ")
    assert "/tests/faults/" in note
