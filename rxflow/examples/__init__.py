"""Four applications, each of them small, complete, and a place to start from.

Run one with ``python -m rxflow.examples.NAME``; each has a ``--help``.

Holds: a bursty pipeline (``bursts``) and what sends bursts to it (``burster``), background
workers (``workers``), webhooks that are taken in (``webhooks``) and calls that fan out
(``fanout``); what keeps uvicorn from being held by peers that send nothing (``patient``).
Invariants: they are written against the public API only, like any user's program;
nothing of rxflow imports them; what they need besides is in the extra ``examples``.
May import: rxflow, reactivex; httpx, purgatory, tenacity and uvicorn where they are used.
"""
