"""What the live panel takes from the pipeline that it shows, in a real kernel."""

from __future__ import annotations

import json

import pytest

from tests.notebook.kernels import notebook, without

pytestmark = [
    pytest.mark.stress,
    pytest.mark.skipif(without() is not None, reason=str(without())),
]

ROUNDS = 4
SECONDS = 1.5  # that a round takes the processor, about
UPDATES = 10  # in a second, where the machine has the time for it
FEWEST = 1  # in a second, on a machine that has not
MOST = 0.05  # of a processor, which the pipeline keeps busy

MEASURE = f"""
import asyncio, json, time
import rxflow as rx
from rxflow import operators as ops
from rxflow.notebook import watch

def flow_of(items):
    return rx.range(items).pipe(
        ops.map(lambda n: n + 1),
        ops.filter(lambda n: n % 2),
        ops.observe_on(asyncio.get_running_loop()),
        ops.map(str),
    )

flow = flow_of(200_000)

async def one_round():
    "Gives how long it took, and how much of the processor the other threads (seconds)."
    await asyncio.sleep(0)
    clocks = time.monotonic, time.process_time, time.thread_time
    began = [clock() for clock in clocks]
    async for item in flow:
        pass
    took, of_all, of_this = (clock() - then for clock, then in zip(clocks, began))
    return took, of_all - of_this

await one_round()
spent, _ = await one_round()
flow = flow_of(int(200_000 * {SECONDS} / spent))
without, shown = [], []
for _ in range({ROUNDS}):
    without.append(await one_round())
    panel = watch(flow, {1 / UPDATES})
    shown.append(await one_round())
    panel.close()
print(json.dumps([without, shown]))
"""


def test_the_panel_takes_less_than_a_twentieth_of_the_throughput() -> None:
    with notebook() as opened:
        done = opened.run(MEASURE)
    without, shown = json.loads(done.printed)
    updates = sum(each["msg_type"] == "comm_msg" for each in done.messages)
    took = sum(took for took, _ in shown)
    assert updates > FEWEST * took, (updates, without, shown)
    # What the other threads do without a panel is little, but not nothing.
    without_it = sum(others for _, others in without) / sum(took for took, _ in without)
    panel = sum(others for _, others in shown) / took - without_it
    assert panel < MOST, (updates, without, shown)
