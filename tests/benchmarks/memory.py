"""How much memory this process has, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")
"""Only Linux has it. ``resource.getrusage`` will not do: a new process has its parent's peak."""


def resident() -> int:
    """Give what is resident now (KiB)."""
    return _read("VmRSS")


def peak() -> int:
    """Give the most that was resident at any time in the life of this process (KiB)."""
    return _read("VmHWM")


def _read(name: str) -> int:
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise OSError(f"{STATUS} has no {name}")
