"""What an operator takes as a source, for annotations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias, TypeVar

from reactivex import Observable
from reactivex.typing import AnyFuture

T = TypeVar("T")

Source: TypeAlias = Observable[T] | Iterable[T] | AnyFuture[T]
"""A Flow, an Observable, an iterable or a future; see ``inlet`` for what becomes of it."""
