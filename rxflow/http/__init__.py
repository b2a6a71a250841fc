"""HTTP and WebSocket by the interface of ASGI servers (uvicorn, hypercorn, daphne).

Holds: a request's body and a WebSocket's messages as Flows; a Flow as a response,
as server-sent events and as a WebSocket's messages. Starlette's ``request.receive``
and what it passes for ``send`` are the same two functions.
Invariants: one ``receive`` for each item asked for, one item asked for each ``send``;
what one client sends is read in one place, so no message of it is lost.
May import: sources, operators, flow, kernel, protocol; no other package.
"""

from .errors import BodyTooLargeError, ClientDisconnectedError
from .events import ServerSentEvent, send_events
from .receiving import from_request_body, from_websocket
from .sending import send_response, to_websocket

__all__ = [
    "BodyTooLargeError",
    "ClientDisconnectedError",
    "ServerSentEvent",
    "from_request_body",
    "from_websocket",
    "send_events",
    "send_response",
    "to_websocket",
]
