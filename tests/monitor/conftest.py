"""What runs is what a test has begun itself."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def nothing_runs_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the subscriptions that earlier tests have left running."""
    monkeypatch.setattr("rxflow.kernel.running._running", {})
