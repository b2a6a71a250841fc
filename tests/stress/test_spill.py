"""A million items through on_backpressure_spill, with memory for a thousand."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.stress

PROGRAM = """
    import resource, sys
    from pathlib import Path
    from reactivex import Subject
    import rxflow as rx
    from rxflow import operators as ops

    COUNT, SIZE, CAPACITY = 1_000_000, 1024, 1000
    file = Path(sys.argv[1])

    class Checker(rx.Subscriber):
        expected = ended = 0

        def on_subscribe(self, subscription):
            self.subscription = subscription

        def on_next(self, item):
            assert len(item) == SIZE
            assert int.from_bytes(item[:8], "big") == self.expected, self.expected
            self.expected += 1

        def on_error(self, error):
            raise error

        def on_completed(self):
            self.ended = True

    def used():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # MiB

    def push(numbers):
        for n in numbers:
            subject.on_next(n.to_bytes(8, "big") + bytes(SIZE - 8))

    subject, checker = Subject(), Checker()
    subject.pipe(ops.on_backpressure_spill(CAPACITY, file)).subscribe(checker)
    push(range(10 * CAPACITY))  # with the file's cache, which has a bound of its own
    before = used()
    push(range(10 * CAPACITY, COUNT))
    subject.on_completed()
    largest = file.stat().st_size
    for _ in range(1000):
        checker.subscription.request(COUNT // 1000)
        if checker.expected == COUNT // 2:
            assert file.stat().st_size < 0.6 * largest, "the disk is given back as it is read"
    assert checker.ended and checker.expected == COUNT
    assert largest > COUNT * SIZE
    assert not file.exists()
    print(used() - before)
"""


def test_a_million_items_with_memory_for_a_thousand(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(tmp_path / "spilled")],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 8, "memory grew with the number of items (MiB)"
