"""All benchmarks, in the order of the targets."""

from .o_loops import O10
from .o_operators import OPERATORS
from .p01_sync import P1, P2B
from .p02_stock import P2
from .p03_async import P3
from .p05_handoff import P5
from .p06_subject import P6
from .p07_thread import P7
from .p08_map_async import P8
from .p09_dropping import P9, P9_LIVE
from .p10_subscribe import P10
from .p11_latency import P11
from .p12_growth import P12
from .p13_many import P13
from .p14_statistics import P14
from .p15_import import P15

BENCHMARKS = (
    P1,
    P2,
    P2B,
    P3,
    P5,
    P6,
    P7,
    P8,
    P9,
    P9_LIVE,
    P10,
    P11,
    P12,
    P13,
    P14,
    P15,
    *OPERATORS,
    O10,
)
