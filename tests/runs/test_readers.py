"""How far a run may be ahead of whoever follows it, and who is sent away."""

import asyncio

from asgi_agent.runs.readers import Reader, Readers
from asgi_agent.testing import run, settle


class Desertions:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def readers(lead: int = 10, patience: float = 30.0) -> tuple[Readers, Desertions]:
    desertions = Desertions()
    return Readers(lead, patience, desertions), desertions


async def seconds_until_room(all_readers: Readers) -> float:
    began = now()
    while all_readers.is_full:
        await all_readers.room()
    return now() - began


def now() -> float:
    return asyncio.get_running_loop().time()


def test_with_nobody_there_a_run_may_say_anything() -> None:
    everybody, _ = readers(lead=0)
    everybody.written(1 << 30)
    assert not everybody.is_full
    assert len(everybody) == 0


def test_a_run_may_be_ahead_by_the_lead_and_no_more() -> None:
    async def test() -> None:
        everybody, _ = readers(lead=10)
        reader = everybody.attach(0, int)
        everybody.written(10)
        assert not everybody.is_full
        everybody.written(1)
        assert everybody.is_full
        everybody.read(reader, 1, [b"x"])
        assert not everybody.is_full

    run(test())


def test_the_slowest_counts() -> None:
    async def test() -> None:
        everybody, _ = readers(lead=10)
        quick, _slow = everybody.attach(0, int), everybody.attach(0, int)
        everybody.written(20)
        everybody.read(quick, 1, [b"x" * 20])
        assert everybody.is_full

    run(test())


def test_what_was_said_before_a_follower_came_is_not_what_it_lags_behind() -> None:
    async def test() -> None:
        everybody, _ = readers(lead=10)
        reader = everybody.attach(3, int)
        everybody.written(11)  # entries 4 and 5
        everybody.read(reader, 1, [b"x" * 100])  # the backlog does not make up for it
        assert everybody.is_full
        everybody.read(reader, 2, [b"x" * 100, b"x" * 100, b"x" * 6])
        assert reader.unread == 5
        everybody.read(reader, 5, [b"x" * 5])
        assert reader.unread == 0

    run(test())


def test_who_has_read_all_there_is_lags_behind_nothing() -> None:
    async def test() -> None:
        everybody, _ = readers(lead=10)
        reader = everybody.attach(0, int)
        everybody.written(50)
        everybody.caught_up(reader)  # some of it was kept no longer
        assert not everybody.is_full

    run(test())


def test_there_is_room_as_soon_as_somebody_reads() -> None:
    async def test() -> None:
        everybody, _ = readers(lead=10)
        reader = everybody.attach(0, int)
        everybody.written(20)
        waiting = asyncio.create_task(seconds_until_room(everybody))
        await asyncio.sleep(7)
        everybody.read(reader, 1, [b"x" * 20])
        assert await waiting == 7
        assert not reader.is_cut_off

    run(test())


def test_there_is_room_as_soon_as_the_slow_one_leaves() -> None:
    async def test() -> None:
        everybody, desertions = readers(lead=10)
        reader = everybody.attach(0, int)
        everybody.written(20)
        waiting = asyncio.create_task(seconds_until_room(everybody))
        await asyncio.sleep(7)
        everybody.detach(reader)
        assert await waiting == 7
        assert desertions.count == 1

    run(test())


def test_who_does_not_read_is_cut_off_when_patience_ends() -> None:
    async def test() -> None:
        everybody, desertions = readers(lead=10, patience=30)
        reader = everybody.attach(0, int)
        everybody.written(20)
        assert await seconds_until_room(everybody) == 30
        assert reader.is_cut_off
        assert len(everybody) == 0
        assert desertions.count == 1  # who is cut off has left
        everybody.detach(reader)  # and leaves only once
        assert desertions.count == 1

    run(test())


def test_who_reads_a_little_now_and_then_is_not_cut_off() -> None:
    async def test() -> None:
        everybody, _ = readers(lead=10, patience=30)
        reader = everybody.attach(0, int)
        everybody.written(100)
        waiting = asyncio.create_task(seconds_until_room(everybody))
        for seq in range(1, 10):
            await asyncio.sleep(29)
            everybody.read(reader, seq, [b"x" * 10])
        assert await waiting == 9 * 29
        assert not reader.is_cut_off

    run(test())


def test_others_who_come_read_and_go_do_not_prolong_the_patience() -> None:
    async def test() -> None:
        everybody, _ = readers(lead=10, patience=30)
        stalled, slow = everybody.attach(0, int), everybody.attach(0, int)
        everybody.written(1000)
        waiting = asyncio.create_task(seconds_until_room(everybody))
        for seq in range(1, 5):
            await asyncio.sleep(7)
            everybody.read(slow, seq, [b"x"])
            everybody.detach(everybody.attach(seq, int))
        await asyncio.sleep(2)
        await settle()
        assert stalled.is_cut_off
        assert not slow.is_cut_off
        everybody.detach(slow)
        assert await waiting < 31

    run(test())


def test_patience_begins_when_there_is_something_to_read() -> None:
    async def test() -> None:
        everybody, _ = readers(lead=10, patience=30)
        reader = everybody.attach(0, int)
        await asyncio.sleep(3600)  # the run has nothing to say
        everybody.written(20)
        waiting = asyncio.create_task(seconds_until_room(everybody))
        await asyncio.sleep(29)
        assert not reader.is_cut_off
        await waiting
        assert reader.is_cut_off

    run(test())


def test_each_has_its_own_patience() -> None:
    async def test() -> None:
        everybody, _ = readers(lead=10, patience=30)
        first: Reader = everybody.attach(0, int)
        everybody.written(5)
        await asyncio.sleep(20)
        second = everybody.attach(0, int)
        everybody.written(20)
        waiting = asyncio.create_task(seconds_until_room(everybody))
        await asyncio.sleep(10)
        await settle()
        assert first.is_cut_off
        assert not second.is_cut_off
        assert await waiting == 30
        assert second.is_cut_off

    run(test())


def test_a_run_that_is_to_end_waits_for_nobody() -> None:
    async def test() -> None:
        everybody, _ = readers(lead=10)
        everybody.attach(0, int)
        everybody.written(20)
        waiting = asyncio.create_task(everybody.room())
        await settle()
        everybody.release()
        await waiting

    run(test())
