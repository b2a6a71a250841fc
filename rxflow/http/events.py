"""Server-sent events: a Flow as what a browser's EventSource gets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from ..flow import Flow, checks
from ..flow.registry import register
from ..operators import keep_alive, map
from .inbox import Receive, Send
from .sending import Headers, Response, pairs_of

_LINE_END = re.compile("\r\n|\r|\n")  # not those that str.splitlines knows besides

_HEADERS = (
    ("content-type", "text/event-stream"),
    ("cache-control", "no-store"),
    ("x-accel-buffering", "no"),  # nginx would keep the events until it has 4 KiB of them
)


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event for a browser.

    Attributes:
        data: The text, of any number of lines; None for an event that only sets ``id`` or
            ``retry``, of which the page hears nothing.
        event: Its type, by which listeners are chosen; "message" when left out.
        id: What a browser sends as Last-Event-ID when it connects again; "" forgets it.
        retry: How long it waits before it connects again (seconds).
    """

    data: str | None = ""
    event: str | None = None
    id: str | None = None
    retry: float | None = None

    def __post_init__(self) -> None:
        """Refuse what would become another field, or be ignored.

        Raises:
            ValueError: A line end in ``event`` or ``id``, NUL in ``id``; retry < 0.
        """
        for name, text, signs in (("event", self.event, "\r\n"), ("id", self.id, "\r\n\0")):
            if text is not None and any(sign in text for sign in signs):
                raise ValueError(f"ServerSentEvent: {name} must be one line, not {text!r}")
        checks.seconds("ServerSentEvent", "retry", self.retry)

    def encoded(self) -> bytes:
        """Give it as it is sent."""
        fields: list[str] = []
        if self.event is not None:
            fields.append(f"event: {self.event}")
        if self.id is not None:
            fields.append(f"id: {self.id}")
        if self.retry is not None:
            fields.append(f"retry: {round(self.retry * 1000)}")
        if self.data is not None:
            fields += [f"data: {line}" for line in _LINE_END.split(self.data)]
        return "\n".join([*fields, "", ""]).encode()


def _encoded(item: object) -> bytes:
    if isinstance(item, str):
        item = ServerSentEvent(item)
    if not isinstance(item, ServerSentEvent):
        raise TypeError(
            f"send_events sends str or ServerSentEvent, not {item!r}; "
            "use map(json.dumps) for other data"
        )
    return item.encoded()


class _Events(Response):
    """A response that begins at once, so that the browser knows that it is connected."""

    async def begin(self) -> None:
        await self._begin_once()


@register("bridge", demand="1 per send finished ; none ; holds 0", category="http")
async def send_events(
    flow: Flow[str] | Flow[ServerSentEvent] | Flow[str | ServerSentEvent],
    receive: Receive,
    send: Send,
    *,
    keep_alive_after: float | timedelta | None = 15.0,
    headers: Headers = (),
    timeout: float | timedelta | None = None,
) -> bool:
    """Send the items as server-sent events, for the EventSource of a browser.

    .. marble::
        :alt: send_events

        source   -a------b|
        [ await send_events(flow, receive, send, keep_alive_after=4.0) ]
        client   -a---:--b(end)

    Demand: 1 per send finished ; none ; holds 0.
    The headers go out at once. A browser connects again after an end as after a failure:
    answer 204 where nothing is to follow. The Flow is cancelled, and closed before this
    returns, when the client leaves.

    Args:
        flow: Events, or the data of events.
        receive: What the server gives an ASGI application; tells that the client leaves.
        send: What the server gives an ASGI application.
        keep_alive_after: After how long without an event a comment is sent, so that no
            proxy takes the connection for dead (seconds); None for never.
        headers: Of the response, besides those that such a response needs.
        timeout: How long the client may take none of it (seconds); for ever when left out.

    Returns:
        Whether all of it was sent; False when the client has left.

    Raises:
        Exception: What the Flow fails with; the client sees that the body is not whole.
        StreamTimeoutError: The client takes nothing for ``timeout``.
        TypeError: An item is neither; a header is not text; receive or send is no function.
        UnicodeEncodeError: A text cannot be sent as UTF-8: it has half a surrogate pair.
        ValueError: A header that cannot be sent; a time is not more than 0.

    Source: new; WHATWG HTML, server-sent events.
    """
    everything = [*_HEADERS, *pairs_of(headers)]
    response = _Events("send_events", receive, send, timeout, everything)
    events = map(_encoded)(flow)
    if keep_alive_after is not None:
        checks.positive("send_events", "keep_alive_after", keep_alive_after, "seconds")
        events = keep_alive(keep_alive_after, lambda: b":\n\n")(events)
    return await response.give(events)
