"""The engine: what runs when a Flow is subscribed.

Holds: Feed (a running source that is pulled), Stage and Island (synchronous
operators fused over a Feed), Relay (a Feed over another one), Drain (the one loop
that counts demand and signals a Subscriber), Boundary (the one bounded queue), Hub
(one producer, several consumers), Alarm (the one timer), Valve, lifting of stock
operators, statistics and the hook for errors that come too late.
Invariants: one thread at a time pulls a Feed; demand is counted in Drain only;
locks live in Drain, Boundary and Hub only, and no signal is sent under one.
May import: protocol.
"""

from . import hooks
from .boundary import Boundary
from .clock import Alarm
from .consumer import Consumer, Status, flow_of, let_go, subscribing, subscribing_consumer
from .dealing import BalancingHub, RoutingHub
from .drain import Drain
from .ends import FULL, HANDOVER
from .feed import BUDGET, NOTHING, Context, Feed, Few, Handing, Server, State, remaining
from .gates import LiftFeed, Order, Rule, gate_of, lifting
from .hub import Connection, Hub
from .inputs import Input
from .island import Island
from .latency import NANOS, Histogram, Latency
from .lift import LiftStage, own_trampoline
from .limited import Limited, Limits
from .lingering import lingers
from .loops import (
    eager,
    eager_task,
    hold,
    needed_loop,
    on_loop,
    ordinary,
    put_at_once,
    put_back,
    running_loop,
    running_trio,
    spawn,
    spawned,
)
from .metering import Meter, Stay, Times
from .outlet import Lease, Memory, Outlet
from .prefetched import Intake, Prefetched, drained
from .pulled import Failed, Pulled, close, feed_of, used_up
from .queues import Parcel, Slots
from .relay import Relay
from .rows import RECORD, Columns, Layout, Row, Shape, unfold
from .running import appeared, disappeared, running, runs, tell_of_beginnings, watch
from .stage import Plain, Stage, StageFactory, make_for
from .statistics import Figures, Ledger, StageStatistics, changed, count_roots, joined
from .telling import DiscardCallback, DropCallback, is_async
from .valve import Valve
from .waiting import offer_blocking, offer_suspending
from .worker import Worker

__all__ = [
    "BUDGET",
    "FULL",
    "HANDOVER",
    "NANOS",
    "NOTHING",
    "RECORD",
    "Alarm",
    "BalancingHub",
    "Boundary",
    "Columns",
    "Connection",
    "Consumer",
    "Context",
    "DiscardCallback",
    "Drain",
    "DropCallback",
    "Failed",
    "Feed",
    "Few",
    "Figures",
    "Handing",
    "Histogram",
    "Hub",
    "Input",
    "Intake",
    "Island",
    "Latency",
    "Layout",
    "Lease",
    "Ledger",
    "LiftFeed",
    "LiftStage",
    "Limited",
    "Limits",
    "Memory",
    "Meter",
    "Order",
    "Outlet",
    "Parcel",
    "Plain",
    "Prefetched",
    "Pulled",
    "Relay",
    "RoutingHub",
    "Row",
    "Rule",
    "Server",
    "Shape",
    "Slots",
    "Stage",
    "StageFactory",
    "StageStatistics",
    "State",
    "Status",
    "Stay",
    "Times",
    "Valve",
    "Worker",
    "appeared",
    "changed",
    "close",
    "count_roots",
    "disappeared",
    "drained",
    "eager",
    "eager_task",
    "feed_of",
    "flow_of",
    "gate_of",
    "hold",
    "hooks",
    "is_async",
    "joined",
    "let_go",
    "lifting",
    "lingers",
    "make_for",
    "needed_loop",
    "offer_blocking",
    "offer_suspending",
    "on_loop",
    "ordinary",
    "own_trampoline",
    "put_at_once",
    "put_back",
    "remaining",
    "running",
    "running_loop",
    "running_trio",
    "runs",
    "spawn",
    "spawned",
    "subscribing",
    "subscribing_consumer",
    "tell_of_beginnings",
    "unfold",
    "used_up",
    "watch",
]
