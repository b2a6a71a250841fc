"""At run time the operators themselves add their methods to Flow; see the stub for their types."""

from reactivex import Observable as Fluent

__all__ = ["Fluent"]
