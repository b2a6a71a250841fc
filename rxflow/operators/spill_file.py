"""The queue on disk of ``on_backpressure_spill``: one SQLite database for one subscription."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import suppress
from pathlib import Path
from weakref import finalize

PAGE = 4096  # SQLite's own (bytes)

FAILURES = (sqlite3.Error, OSError)


class SpillFile:
    """Blobs in order: appended at one end, taken at the other. The caller holds a lock.

    Every failure is one of FAILURES.
    """

    def __init__(self, path: Path | None, max_bytes: int | None, durable: bool) -> None:
        """Open the file.

        Args:
            path: Where; None for a temporary file without a name.
            max_bytes: Largest size (bytes); None for what the disk has.
            durable: Take up what is in the file already, and keep what was not forgotten.

        Raises:
            FileExistsError: There is a file of that name, and it is not durable.
        """
        self._path = path
        self._durable = durable
        if path is not None and not durable:
            path.open("xb").close()  # fails where there is one
        self._database = sqlite3.connect(
            "" if path is None else path, timeout=0, isolation_level=None, check_same_thread=False
        )
        self._finalizer = finalize(self, _left_open, self._database, None if durable else path)
        try:
            self._prepare(max_bytes)
        except BaseException:
            self._database.close()
            self._end(remove=not durable)
            raise

    def _prepare(self, max_bytes: int | None) -> None:
        run = self._database.execute
        run("PRAGMA auto_vacuum = FULL")  # what was taken is given back to the disk
        run("PRAGMA locking_mode = EXCLUSIVE")
        if self._durable:
            run("PRAGMA journal_mode = WAL")
            run("PRAGMA synchronous = NORMAL")
        else:
            run("PRAGMA journal_mode = MEMORY")
            run("PRAGMA synchronous = OFF")
        if max_bytes is not None:
            run(f"PRAGMA max_page_count = {max_bytes // PAGE}")
        run("BEGIN IMMEDIATE")
        run("CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        count, first = run("SELECT count(*), min(id) FROM items").fetchone()
        run("COMMIT")
        self.count: int = count
        """How many are in it and were not taken (items)."""
        self._taken: int = 0 if first is None else first - 1  # the last id that was taken
        self._forgotten = self._taken  # the last id that is not in the file any more

    def append(self, blobs: list[bytes]) -> None:
        """Write some behind the others; all of them, or none."""
        run = self._database.execute
        first = self._taken + self.count + 1
        run("BEGIN IMMEDIATE")
        try:
            self._database.executemany("INSERT INTO items VALUES (?, ?)", enumerate(blobs, first))
            run("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # it has been rolled back already
                run("ROLLBACK")
            raise
        self.count += len(blobs)

    def take(self, n: int) -> list[bytes]:
        """Give the first ones.

        Args:
            n: Most of them (items).
        """
        rows = self._database.execute(
            "SELECT id, body FROM items WHERE id > ? ORDER BY id LIMIT ?", (self._taken, n)
        ).fetchall()
        if [row[0] for row in rows] != [self._taken + 1 + k for k in range(min(n, self.count))]:
            raise sqlite3.DatabaseError("items are missing")
        self._taken += len(rows)
        self.count -= len(rows)
        if not self._durable:
            self.forget(0)
        return [row[1] for row in rows]

    def forget(self, kept: int) -> None:
        """Delete what was taken, but for the last ones.

        Args:
            kept: How many of them are to be taken again after a crash (items).
        """
        if self._taken - kept > self._forgotten:
            self._forgotten = self._taken - kept
            self._database.execute("DELETE FROM items WHERE id <= ?", (self._forgotten,))

    def close(self) -> None:
        """Close the file; remove it, unless it is durable and something was not forgotten."""
        try:
            self._database.close()
        finally:
            self._end(remove=not self._durable or self._forgotten == self._taken + self.count)

    def _end(self, remove: bool) -> None:
        self._finalizer.detach()
        if remove and self._path is not None:
            self._path.unlink(missing_ok=True)


def _left_open(database: sqlite3.Connection, path: Path | None) -> None:
    """Close the file of a stream that nobody has cancelled."""
    database.close()
    if path is not None:
        path.unlink(missing_ok=True)
    warnings.warn(
        "a stream that on_backpressure_spill keeps on disk was neither ended nor cancelled",
        ResourceWarning,
        stacklevel=2,
    )
