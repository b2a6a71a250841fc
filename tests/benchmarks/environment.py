"""On what the figures were measured."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from . import foreign

PACKAGES = (
    "rxflow-streams",
    "reactivex",
    "aiostream",
    "anyio",
    "culsans",
    "janus",
    "rxbp",
    "rxpy_backpressure",
    "streamable",
    "streamz",
)


def optimised() -> bool:
    """Tell whether this Python was built with profile-guided optimisation (PGO).

    Debian's is, by a make target that leaves no trace among the configured arguments;
    those of python.org for Windows are too.
    """
    configured = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return configured or is_debian() or sys.platform == "win32"


def is_debian() -> bool:
    """Tell whether this is the Python of Debian or of a distribution made from it."""
    return "--with-dbmliborder=bdb:gdbm" in (sysconfig.get_config_var("CONFIG_ARGS") or "")


def has_gil() -> bool:
    """Tell whether only one thread runs Python at a time."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def describe() -> dict[str, Any]:
    """Give date, interpreter, machine and versions."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "build": "Debian" if is_debian() else "other",
            "pgo": optimised(),
            "gil": has_gil(),
        },
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count(),
        },
        "versions": {name: found for name in PACKAGES if (found := _version(name))}
        | foreign.versions(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
