"""The profiles of the law: how many examples are tried."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

_ALWAYS = settings(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

settings.register_profile("rxflow", parent=_ALWAYS, max_examples=500)
settings.register_profile("nightly", parent=_ALWAYS, max_examples=20_000, derandomize=False)
