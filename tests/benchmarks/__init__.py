"""Speed, measured as ratios: contenders take turns in one process, doing the same work.

`python -m tests.benchmarks` runs all of it and prints the table; `--json FILE` writes what
README.md shows. Each `pNN_*.py` holds one target or a tight family of them; `harness.py`
knows how to measure, `environment.py` on what. `guard.py` counts what an item takes, which no
other load changes, and `scale.py` measures how cost grows. No test asserts a time.
"""
