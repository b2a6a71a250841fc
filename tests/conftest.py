"""What holds for all tests."""

from __future__ import annotations

import gc

from hypothesis import settings

# A machine that is busy with something else makes no test fail.
settings.register_profile("undisturbed", deadline=None)
settings.load_profile("undisturbed")


def pytest_collection_finish() -> None:
    """Leave what was collected to itself: many tests have the garbage collected, and see to it.

    The collector would look through each of thousands of tests every time.
    """
    gc.collect()
    gc.freeze()
