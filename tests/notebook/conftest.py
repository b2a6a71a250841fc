"""What is shown is what a test has begun itself."""

from tests.monitor.conftest import nothing_runs_yet

__all__ = ["nothing_runs_yet"]
