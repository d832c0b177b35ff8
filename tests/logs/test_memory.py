"""The log in memory: what it keeps, what it lets go, and at what price."""

import asyncio
import gc
import time
import weakref

from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.logs import DELETED, MemoryLog
from asgi_agent.logs.memory import OVERHEAD
from tests.logs.keeping import check_that_the_end_is_kept


def test_the_oldest_entries_go_first() -> None:
    async def test() -> None:
        log = MemoryLog(keep_bytes=3 * (OVERHEAD + 10))
        await log.create("run")
        for number in range(10):
            await log.append("run", [b"%010d" % number])
        page = await log.read("run", 0)
        assert (page.start, page.last) == (8, 10)  # 8 > 0 + 1 shows that there is a gap
        assert list(page.entries) == [b"%010d" % number for number in (7, 8, 9)]

    asyncio.run(test())


def test_the_newest_entry_stays_however_large_it_is() -> None:
    async def test() -> None:
        log = MemoryLog(keep_bytes=1)
        await log.create("run")
        for entries in ([b"a" * 100], [b"b", b"c" * 1000], [b"d"]):
            last = await log.append("run", entries)
            page = await log.read("run", 0)
            assert (page.start, page.entries) == (last, [entries[-1]])

    asyncio.run(test())


def test_an_entry_costs_something_even_if_it_is_empty() -> None:
    async def test() -> None:
        log = MemoryLog(keep_bytes=OVERHEAD * 4)
        await log.create("run")
        await log.append("run", [b""] * 100)
        assert (await log.read("run", 0)).start == 97

    asyncio.run(test())


@given(
    st.lists(st.lists(st.integers(0, 40), max_size=6), max_size=30),
    st.integers(1, 400),
)
@example([[0]] * 30, 1)
@example([[40] * 6] * 5, 300)
def test_what_is_kept_is_the_end_of_what_was_said(batches: list[list[int]], keep: int) -> None:
    asyncio.run(check_that_the_end_is_kept(MemoryLog(keep_bytes=keep), keep, batches))


def test_what_is_no_longer_kept_is_free() -> None:
    async def test() -> int:
        log = MemoryLog(keep_bytes=100_000)
        await log.create("run")
        for _ in range(1000):
            await log.append("run", [b"x" * 1000] * 10)
        run = log._runs["run"]
        assert len(run.entries) < 400  # not ten thousand empty places
        return sum(map(len, run.entries))

    assert asyncio.run(test()) <= 100_000


def test_to_trim_costs_the_same_however_much_is_kept() -> None:
    """Each entry is moved at most once on average: trimming ten times as much takes ten times."""

    async def fill(keep: int) -> float:
        log = MemoryLog(keep_bytes=keep * (OVERHEAD + 1))
        await log.create("run")
        await log.append("run", [b"x"] * keep)
        begin = time.process_time()
        for _ in range(10_000):
            await log.append("run", [b"x"])
        return time.process_time() - begin

    few = min(asyncio.run(fill(100)) for _ in range(3))
    many = min(asyncio.run(fill(100_000)) for _ in range(3))
    # Were the whole list moved at every append, it would be hundreds of times as long.
    assert many < few * 20


def test_a_deleted_run_leaves_nothing_behind() -> None:
    async def test() -> None:
        log = MemoryLog()
        await log.create("run", b"meta")
        unwatch = await log.watch("run", int)
        run = weakref.ref(log._runs["run"])
        await log.append("run", [b"a"], end="done")
        await log.append("run", [], end=DELETED)
        gc.collect()
        assert run() is None
        await unwatch()  # as a follower does that finds the run gone

    asyncio.run(test())


def test_the_lease_is_judged_by_the_clock_of_the_log() -> None:
    async def test() -> None:
        now = 5.0
        log = MemoryLog(clock=lambda: now)
        await log.create("run")
        assert await log.claim("run", 10) == 1
        now = 14.9
        assert await log.claim("run", 10) is None
        now = 15.0
        assert (await log.read("run", 0)).lease == 0
        assert await log.claim("run", 10) == 2

    asyncio.run(test())
