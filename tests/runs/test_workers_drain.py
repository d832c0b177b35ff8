"""A worker that is drained leaves what can go on to others."""

import asyncio

import pytest

from asgi_agent.errors import Unavailable
from asgi_agent.runs.run import SHUTDOWN
from asgi_agent.testing import run
from tests.runs.shared_log import Line, now
from tests.runs.stage import Stage, check_well_formed
from tests.runs.workers import LEASE, Pair, counter, steadfast, texts


def test_a_drain_releases_a_run_that_can_go_on_elsewhere() -> None:
    async def main() -> None:
        pair = Pair(steadfast)
        running = await pair.one.start("10")
        here = asyncio.create_task(pair.one.entries(running))
        there = pair.following(running)
        await asyncio.sleep(3.5)
        await pair.one.runs.drain(0)
        left = await here
        assert now() == pytest.approx(3.5, abs=0.3)
        entries = await there
        check_well_formed(entries)
        assert left == entries[: len(left)]
        assert not any(each.is_terminal for each in left)
        assert texts(entries) == "0 1 2 3 4 5 6 7 8 9 "
        assert now() < 11.5

    run(main())


def test_a_drain_ends_a_run_that_cannot_go_on_and_lets_followers_of_others_go() -> None:
    async def main() -> None:
        pair = Pair(counter)
        one, two = await pair.one.start("30"), await pair.two.start("30")
        following = asyncio.create_task(pair.one.entries(two))
        await asyncio.sleep(3.5)
        await pair.one.runs.drain(0)
        assert one.outcome == SHUTDOWN
        assert texts(await following) == "0 1 2 "
        assert now() < 4
        await two.ended.wait()

    run(main())


def test_a_drain_releases_a_run_that_is_just_being_taken_over() -> None:
    async def main() -> None:
        pair = Pair(steadfast)
        third = Stage(steadfast, log=Line(pair.store))
        running = await pair.one.start("10")
        following = pair.following(running)
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        pair.lines[1].seconds = 1.5  # it takes so long to claim the run, and as long to read it
        while not pair.two.runs._takeovers:
            await asyncio.sleep(0.1)
        await pair.two.runs.drain(0)
        await following
        assert pair.two.runs.active_count == 0
        drained_at = now()
        entries = await third.entries(running)
        check_well_formed(entries)
        assert texts(entries) == "0 1 2 3 4 5 6 7 8 9 "
        assert now() - drained_at < LEASE
        assert pair.two.runs.active_count == 0

    run(main(), leaks=False)


def test_a_drain_does_not_wait_for_a_run_that_could_not_begin() -> None:
    async def main() -> None:
        pair = Pair(counter)
        pair.lines[0].seconds = 1
        starting = asyncio.create_task(pair.one.start("5"))
        await asyncio.sleep(0.5)
        draining = asyncio.create_task(pair.one.runs.drain(0))
        pair.lines[0].is_down = True
        with pytest.raises(Unavailable):
            await starting
        await draining
        assert now() < 5

    run(main())


def test_a_follower_does_not_wait_for_a_store_that_is_away_when_its_worker_is_drained() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("30")
        following = pair.following(running)
        await asyncio.sleep(3.5)
        pair.lines[1].is_down = True
        await asyncio.sleep(6)
        await pair.two.runs.drain(0)
        assert texts(await following) == "0 1 2 "
        assert now() < 20
        await pair.one.runs.drain(0)

    run(main())


def test_who_begins_to_follow_while_the_store_is_away_is_not_kept_by_it_at_a_drain() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("30")
        pair.lines[1].is_down = True
        following = pair.following(running)
        await asyncio.sleep(6)
        await pair.two.runs.drain(0)
        assert await following == []
        assert now() < 7
        await pair.one.runs.drain(0)

    run(main())
