"""The demo: a real day of departures, too fast for its consumer.

Holds: the data and their reader (``departures``), the replay on a thread of its
own (``replay``), the strategies and the pipeline (``pipeline``), one measured
run (``measure``), the table (``table``) and the command line (``cli``).
Invariants: it is written against the public API only, like any user's program;
nothing of rxflow imports it except ``python -m rxflow``.
May import: rxflow, reactivex; ``rich`` where it is installed.
"""
