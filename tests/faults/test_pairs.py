"""Nothing goes wrong, and there is much of it: each request may meet another worker, or host."""

import asyncio
import os
import random
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.reading import Read, ask, read_all, settle
from tests.faults.rows import Stage

PAIRS = int(os.environ.get("PAIRS", "200"))
AT_ONCE = 50
NUMBERS = 5  # said in each


async def pairs(ports: Sequence[int]) -> list[Read]:
    """Ask at one server and read at any, so many times."""
    room = asyncio.Semaphore(AT_ONCE)

    async def pair() -> Read:
        async with room:
            session = await ask(random.choice(ports), NUMBERS, 0.01, uuid.uuid4().hex)
            read = await read_all(ports, session)
            assert len(read.numbers) == NUMBERS
            return read

    return list(await asyncio.gather(*(pair() for _ in range(PAIRS))))


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_four_workers_lose_double_and_mix_up_nothing(kind: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        served = Stage(kind, tmp_path, stack).cluster(4, LEASE_SECONDS="10")
        assert settle(asyncio.run(pairs([served.port]))) == {"complete": PAIRS}


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_two_host_programs_that_share_a_store_are_one_server(kind: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stage = Stage(kind, tmp_path, stack)
        ports = [
            stage.cluster(2, host=host, LEASE_SECONDS="10").port
            for host in ("uvicorn", "hypercorn")
        ]
        assert settle(asyncio.run(pairs(ports))) == {"complete": PAIRS}
