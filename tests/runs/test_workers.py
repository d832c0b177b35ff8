"""Two workers and one log: a run survives its worker, and whoever follows it notices nothing."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.errors import Unavailable
from asgi_agent.events import (
    BlockEnd,
    BlockStart,
    Complete,
    Text,
    entry,
)
from asgi_agent.runs.following import BACKSTOP_SECONDS
from asgi_agent.runs.mailbox import Asked, Mailbox
from asgi_agent.runs.record import RUN_LOST
from asgi_agent.runs.run import LOG_FAILED, LOST
from asgi_agent.testing import run
from tests.runs.shared_log import SharedLog, now
from tests.runs.stage import check_well_formed
from tests.runs.workers import LEASE, Pair, counter, steadfast, texts

# To follow


def test_a_run_is_followed_on_another_worker_as_it_comes() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("20")
        entries = await pair.following(running)
        check_well_formed(entries)
        assert entries == await pair.logged(running)
        assert now() == pytest.approx(20, abs=0.1)

    run(main())


@pytest.mark.parametrize("worker", [0, 1])
def test_a_follower_that_no_wake_reaches_looks_by_itself(worker: int) -> None:
    async def main() -> None:
        pair = Pair(counter, lease_seconds=1000)
        pair.lines[worker].is_deaf = True
        running = await pair.one.start("7")
        stage = (pair.one, pair.two)[worker]
        assert texts(await stage.entries(running)) == "0 1 2 3 4 5 6 "
        assert now() < 13

    run(main())


@pytest.mark.parametrize("worker", [0, 1])
def test_a_follower_that_no_wake_reaches_does_not_wait_for_the_end(worker: int) -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            await asyncio.sleep(1)
            yield "x"
            await asyncio.sleep(100)

        pair = Pair(agent, lease_seconds=1000)
        pair.lines[worker].is_deaf = True
        running = await pair.one.start()
        async with aclosing((pair.one, pair.two)[worker].runs.follow(running.id)) as pages:
            await anext(pages)
            assert now() <= BACKSTOP_SECONDS
        await pair.here.cancel(running.id)

    run(main())


def test_a_run_that_somebody_has_ended_ends_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("10")
        await asyncio.sleep(3.5)
        await pair.store.append(running.id, (), end="lost")
        await running.ended.wait()
        assert running.is_elsewhere

    run(main())
    assert "the event log failed" not in caplog.text


def test_a_mailbox_that_is_opened_again_has_its_prompt_once() -> None:
    async def main() -> None:
        mailbox = Mailbox(SharedLog(), "run")
        for _ in range(2):
            await mailbox.open(Asked("hi", ({"role": "user", "content": "x"},), "s", "bob"))
        [(_, letter)] = await mailbox.read()
        assert letter == Asked("hi", ({"role": "user", "content": "x"},), "s", "bob")

    run(main())


@pytest.mark.parametrize("seconds", [0, 1.5])
def test_a_follower_waits_while_the_store_is_away(seconds: float) -> None:
    """Also one that comes just then: it has its head already, and no other way to be told."""

    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("3")
        following = pair.following(running)
        if seconds:
            await asyncio.sleep(seconds)
        pair.lines[1].is_down = True
        await asyncio.sleep(60)
        assert not following.done()
        pair.lines[1].is_down = False
        check_well_formed(await following)

    run(main())


def test_a_silent_run_keeps_its_lease_and_what_belongs_to_it() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            await asyncio.sleep(500)
            yield "at last"

        pair = Pair(agent)
        running = await pair.one.start()
        await pair.store.create("session:session")
        entries = await pair.following(running)
        assert texts(entries) == "at last"
        assert pair.lines[0].appends < 500 / (LEASE / 3) + 2 * 500 / 60 + 5
        for key in (f"inbox:{running.id}", "session:session"):
            kept = [each for each, _, _ in pair.lines[0].acknowledged if each == key]
            assert len(kept) == 500 // 60 - 1 or len(kept) == 500 // 60

    run(main())


# The owner is lost


def test_a_run_whose_worker_is_gone_is_ended_by_whoever_follows_it_once() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("100")
        followers = [pair.following(running) for _ in range(3)]
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        for follower in followers:
            entries = await follower
            check_well_formed(entries)
            assert (texts(entries), entries[-1].event) == ("0 1 2 ", RUN_LOST)
        assert now() <= 3.5 + LEASE + 0.1
        page = await pair.store.read(running.id, 0, 1)
        assert page.end == "lost"

    run(main(), leaks=False)


def test_an_agent_that_declares_it_goes_on_on_another_worker() -> None:
    async def main() -> None:
        pair = Pair(steadfast)
        running = await pair.one.start("20")
        following = pair.following(running)
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        entries = await following
        check_well_formed(entries)
        assert texts(entries) == "".join(f"{number} " for number in range(20))
        assert entries[-1].event == Complete(texts(entries))
        assert pair.two.runs.active_count == 0

    run(main(), leaks=False)


def test_a_worker_that_was_frozen_past_its_lease_says_nothing_when_it_thaws() -> None:
    async def main() -> None:
        for agent in (counter, steadfast):
            pair = Pair(agent)
            running = await pair.one.start("30")
            here = asyncio.create_task(pair.one.entries(running))
            there = pair.following(running)
            await asyncio.sleep(3.5)
            pair.lines[0].cut()
            await asyncio.sleep(LEASE + 2)
            pair.lines[0].mend()
            entries = await there
            check_well_formed(entries)
            assert await here == entries == await pair.logged(running)
            await running.ended.wait()
            assert (running.outcome, running.ending, running.is_elsewhere) == (None, None, True)
            assert pair.one.runs.active_count == 0

    run(main())


def test_a_worker_that_was_frozen_for_less_than_its_lease_goes_on() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("10")
        following = pair.following(running)
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        await asyncio.sleep(5)
        pair.lines[0].mend()
        assert texts(await following) == "0 1 2 3 4 5 6 7 8 9 "

    run(main())


def test_a_worker_that_thaws_before_anybody_has_noticed_goes_on() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("3")
        await asyncio.sleep(1.5)
        pair.lines[0].cut()
        await asyncio.sleep(LEASE * 0.9)
        pair.lines[0].mend()
        await running.ended.wait()
        assert running.outcome == Complete("0 1 2 ")

    run(main())


def test_an_agent_is_stopped_when_its_worker_cannot_reach_the_store_for_a_lease() -> None:
    async def main() -> None:
        done: list[float] = []

        async def agent(turn: Turn) -> Any:
            try:
                yield "x"
                await asyncio.sleep(1000)
            finally:
                done.append(now())

        pair = Pair(agent)
        running = await pair.one.start()
        following = asyncio.create_task(pair.one.entries(running))
        await asyncio.sleep(2)
        for line in pair.lines:
            line.is_down = True
        await asyncio.sleep(40)
        assert running.is_elsewhere
        assert done[0] == pytest.approx(10, abs=LEASE / 3)
        assert not following.done()  # nobody is told what nobody knows
        for line in pair.lines:
            line.is_down = False
        entries = await following  # its own worker is as good as any to end it
        check_well_formed(entries)
        assert entries[-1].event == RUN_LOST

    run(main())


@pytest.mark.parametrize("seconds", [0.01, 1, 5])
def test_a_store_that_is_away_for_less_than_a_lease_costs_nothing_but_time(seconds: float) -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("10")
        following = pair.following(running)
        await asyncio.sleep(3.99)
        for line in pair.lines:
            line.is_down = True
        await asyncio.sleep(seconds)
        for line in pair.lines:
            line.is_down = False
        entries = await following
        check_well_formed(entries)
        assert texts(entries) == "0 1 2 3 4 5 6 7 8 9 "

    run(main())


def test_what_was_appended_though_the_answer_was_lost_is_there_once() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("5")
        following = pair.following(running)
        for _ in range(20):
            pair.lines[0].lose = 1
            await asyncio.sleep(0.5)
        entries = await following
        check_well_formed(entries)
        assert texts(entries) == "0 1 2 3 4 "
        assert running.outcome == Complete("0 1 2 3 4 ")

    run(main())


def test_a_cancellation_that_arrives_while_the_store_is_away_is_the_agent_s() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            try:
                async with asyncio.timeout(2):
                    yield "x"
                    await asyncio.sleep(1.5)
                    yield "y"
                    await asyncio.sleep(100)
            except TimeoutError:
                yield "timed out"

        pair = Pair(agent)
        running = await pair.one.start()
        await asyncio.sleep(1)
        pair.lines[0].is_down = True
        await asyncio.sleep(3)
        pair.lines[0].is_down = False
        assert texts(await pair.following(running)) == "xytimed out"

    run(main())


def test_a_store_that_lost_what_it_had_acknowledged_ends_the_run_after_a_gap() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("10")
        following = pair.two.runs.follow(running.id)
        page = await anext(following)
        while page.start + len(page.entries) <= 4:
            page = await anext(following)
        kept = pair.store._runs[running.id]
        del kept.entries[2:]
        rest = [page async for page in following]  # it has all that was lost, and goes on
        assert [page.start for page in rest] == [page.start + 1]
        events = [entry(0, each).event for each in rest[0].entries]
        assert events == [Text("3 "), BlockEnd("text", 0), LOG_FAILED]
        assert running.outcome == LOG_FAILED
        entries = [each.event for each in await pair.logged(running)]
        assert entries[:4] == [BlockStart("text", 0), Text("0 "), LOST, LOST]
        assert entries[4:] == events
        assert kept.end == "failed"

    run(main())


def test_an_end_under_a_number_that_was_given_before_is_told_all_the_same() -> None:
    """The store has lost entries, and who owned the run too."""

    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("10")
        following = pair.following(running)
        await asyncio.sleep(3.5)
        pair.lines[0].cut()
        kept = pair.store._runs[running.id]
        kept.entries.pop()  # two more come: the end of a block, and of the run
        kept.entries.pop()
        entries = await following
        assert [each.seq for each in entries] == [1, 2, 3, 4, 4]
        assert entries[-1].event == RUN_LOST

    run(main(), leaks=False)


def test_a_log_that_has_lost_entries_and_cannot_be_read_is_left() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("10")
        await asyncio.sleep(3.5)
        pair.store._runs[running.id].entries.pop()
        read = pair.lines[0].read

        async def refuse(*_: Any) -> Any:
            raise Unavailable("not now")

        pair.lines[0].read = refuse  # type: ignore[method-assign]
        await running.ended.wait()
        pair.lines[0].read = read  # type: ignore[method-assign]
        assert running.is_elsewhere
        entries = await pair.following(running)
        assert [each.event for each in entries if each.is_terminal] == [RUN_LOST]

    run(main())


def test_a_run_that_is_freed_under_its_worker_ends_without_a_word() -> None:
    async def main() -> None:
        pair = Pair(counter)
        running = await pair.one.start("10")
        here, there = asyncio.create_task(pair.one.entries(running)), pair.following(running)
        await asyncio.sleep(3.5)
        await pair.two.runs.delete(running.id)
        assert texts(await there) == texts(await here) == "0 1 2 "
        await running.ended.wait()
        assert running.is_elsewhere
        assert not pair.store._runs

    run(main())
