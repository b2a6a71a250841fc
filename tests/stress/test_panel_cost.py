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
UPDATES = 10  # in a second
MOST = 0.05  # of the throughput of a pipeline that keeps the processor busy

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
    "Gives the seconds of the processor: those of the pipeline, and those of all other threads."
    await asyncio.sleep(0)
    began, all_began = time.thread_time(), time.process_time()
    async for item in flow:
        pass
    spent = time.thread_time() - began
    return spent, time.process_time() - all_began - spent

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
    assert updates > SECONDS * UPDATES / 2 * ROUNDS  # the rounds are long enough to say something
    # By update, since on a busy machine there are more of them in a second of the processor.
    panel = (sum(others for _, others in shown) - sum(others for _, others in without)) / updates
    assert panel * UPDATES < MOST, (updates, without, shown)
