"""What runs is what a test has begun itself."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def nothing_runs_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the subscriptions that earlier tests have left running."""
    module = sys.modules["rxflow.kernel.running"]  # the function has the same name
    monkeypatch.setattr(module, "_running", {})
