"""What can go wrong between a client and a Flow."""

from __future__ import annotations

from ..protocol import FlowError


class ClientDisconnectedError(FlowError, ConnectionError):
    """The client has left in the middle, so that what it sent is not whole.

    Attributes:
        operator: The source that was reading.
        code: The close code of a WebSocket; None for a request's body.
        reason: The reason that came with it.
    """

    def __init__(self, operator: str, code: int | None = None, reason: str = ""):
        """Describe how the client left."""
        self.operator = operator
        self.code = code
        self.reason = reason
        super().__init__(operator, code, reason)

    def __str__(self) -> str:
        """Name the place, and what the client has said."""
        if self.code is None:
            return f"{self.operator}: the client disconnected before the end of the body"
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.operator}: the client disconnected with code {self.code}{reason}"


class BodyTooLargeError(FlowError):
    """The body of a request is longer than it may be; 413 is the answer to it.

    Attributes:
        max_bytes: The most it may have (bytes).
        received: What has come so far (bytes).
    """

    def __init__(self, max_bytes: float, received: int):
        """Describe the body."""
        self.max_bytes = max_bytes
        self.received = received
        super().__init__(max_bytes, received)

    def __str__(self) -> str:
        """Name the numbers."""
        return (
            f"from_request_body(max_bytes={self.max_bytes:g}): the body is too large, "
            f"{self.received} bytes have come so far"
        )
