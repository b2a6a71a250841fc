"""The three stages in aioreactive: a program for a Python that has it, see foreign.py."""

from __future__ import annotations

import json
import sys

import aioreactive
from expression.core import pipe
from harness import per_item
from work import double, increment, is_even


async def three_stages(items: int) -> int:
    stages = pipe(
        aioreactive.from_iterable(range(items)),
        aioreactive.map(increment),
        aioreactive.filter(is_even),
        aioreactive.map(double),
    )
    total = 0
    async for x in aioreactive.to_async_iterable(stages):
        total += x
    return total


if __name__ == "__main__":
    print(json.dumps(per_item(three_stages, int(sys.argv[1]))))
