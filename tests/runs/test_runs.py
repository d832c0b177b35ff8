"""All runs of a worker: how many there may be, who follows them, how they are brought to an end."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from asgi_agent import Turn
from asgi_agent.errors import Missing, TooManyRuns
from asgi_agent.events import Complete, Entry, Text, encode, entry
from asgi_agent.logs import DELETED
from asgi_agent.runs import Run
from asgi_agent.runs.bell import PAGE_BYTES
from asgi_agent.runs.following import PAGE_ENTRIES
from asgi_agent.runs.run import SHUTDOWN
from asgi_agent.testing import run, settle
from tests.runs.faulty_log import FaultyLog
from tests.runs.stage import Stage, check_well_formed, saying

FOREVER = 1e6  # seconds


async def silent(turn: Turn) -> Any:
    yield "x"
    await asyncio.sleep(FOREVER)


async def ticking(turn: Turn) -> Any:
    for number in range(10):
        await asyncio.sleep(1)
        yield f"{number} "


def now() -> float:
    return asyncio.get_running_loop().time()


# To start


def test_an_agent_is_given_its_turn() -> None:
    async def main() -> None:
        turns: list[Turn] = []

        async def agent(turn: Turn) -> Any:
            turns.append(turn)
            yield "x"

        stage = Stage(agent)
        history = ({"role": "user", "content": "a"},)
        running = await stage.start("prompt", history, "session", "alice")
        await running.ended.wait()
        [turn] = turns
        assert (turn.prompt, turn.history, turn.session_id) == ("prompt", history, "session")
        assert (turn.run_id, turn.principal, turn.deadline) == (running.id, "alice", None)

    run(main())


def test_no_more_runs_than_the_limit_are_active() -> None:
    async def main() -> None:
        stage = Stage(ticking, max_concurrent_sessions=2)
        first = await stage.start()
        await stage.start()
        with pytest.raises(TooManyRuns, match=r"^Maximum concurrent sessions \(2\) reached$"):
            await stage.start()
        first.cancel()
        await first.ended.wait()
        await stage.start()
        await stage.runs.drain(60)
        for _ in range(5):  # those that have ended do not count
            stage.runs.reopen()
            await stage.play()

    run(main())


def test_the_limit_holds_while_runs_are_being_created() -> None:
    async def main() -> None:
        stage = Stage(ticking, log=FaultyLog(seconds=0.5), max_concurrent_sessions=3)
        starts = [asyncio.create_task(stage.start()) for _ in range(10)]
        results = await asyncio.gather(*starts, return_exceptions=True)
        assert sum(isinstance(result, Run) for result in results) == 3
        await stage.runs.drain(0)

    run(main())


def test_an_active_run_can_be_found_and_one_that_has_ended_cannot() -> None:
    async def main() -> None:
        stage = Stage(ticking)
        running = await stage.start()
        assert stage.runs.get(running.id) is running
        running.cancel()
        await running.ended.wait()
        assert stage.runs.get(running.id) is None

    run(main())


# To follow


def test_many_follow_one_run_and_each_reads_all_of_it() -> None:
    async def main() -> None:
        stage = Stage(ticking)
        running = await stage.start()
        followers: list[asyncio.Task[list[Entry]]] = []
        for _ in range(15):  # some of them when it is over
            followers.append(asyncio.create_task(stage.entries(running)))
            await asyncio.sleep(1)
        expected = await stage.logged(running)
        check_well_formed(expected)
        for follower in followers:
            assert await follower == expected

    run(main())


def test_a_follower_begins_after_any_entry() -> None:
    async def main() -> None:
        stage = Stage(ticking)
        running = await stage.start()
        live = [asyncio.create_task(stage.entries(running, after)) for after in range(14)]
        await running.ended.wait()
        expected = await stage.logged(running)
        assert len(expected) == 13
        for after, follower in enumerate(live):
            assert await follower == expected[after:]
            assert await stage.entries(running, after) == expected[after:]

    run(main())


def test_what_is_said_together_is_read_together() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            for _ in range(3):
                for _ in range(5):
                    yield "x"
                await asyncio.sleep(1)

        stage = Stage(agent)
        running = await stage.start()
        async with aclosing(stage.runs.follow(running.id)) as pages:
            sizes = [len(page.entries) async for page in pages]
        assert sizes == [6, 5, 5, 2]

    run(main())


def test_a_backlog_is_read_in_parts_of_a_size_to_write_at_once() -> None:
    async def main() -> None:
        stage = Stage(saying(*["x" * 10_000] * 100, *["y"] * (PAGE_ENTRIES + 50), Complete("")))
        running = await stage.start()
        await running.ended.wait()
        sizes: list[int] = []
        seqs: list[int] = []
        async with aclosing(stage.runs.follow(running.id)) as pages:
            async for page in pages:
                sizes.append(sum(map(len, page.entries)))
                seqs += range(page.start, page.start + len(page.entries))
        assert max(sizes) < PAGE_BYTES + 11_000
        assert min(sizes[:10]) >= PAGE_BYTES
        assert seqs == list(range(1, 100 + PAGE_ENTRIES + 50 + 4))

    run(main())


def test_only_the_page_with_the_terminal_event_is_the_end() -> None:
    async def main() -> None:
        stage = Stage(saying(*["x" * 40_000] * 4))
        running = await stage.start()
        await running.ended.wait()
        async with aclosing(stage.runs.follow(running.id)) as pages:
            ends = [(page.is_end, entry(0, page.entries[-1]).is_terminal) async for page in pages]
        assert len(ends) > 1
        assert ends == [(False, False)] * (len(ends) - 1) + [(True, True)]

    run(main())


def test_nobody_can_follow_a_run_that_never_was() -> None:
    async def main() -> None:
        stage = Stage(ticking)
        with pytest.raises(Missing):
            await anext(stage.runs.follow("nobody"))
        with pytest.raises(Missing):
            await stage.runs.read("nobody", 0)

    run(main())


def test_a_run_of_another_worker_is_followed_in_the_log_alone() -> None:
    async def main() -> None:
        stage = Stage(ticking)
        await stage.log.create("theirs")
        following = stage.runs.follow("theirs")
        for number in range(3):
            page, _ = await asyncio.gather(
                anext(following), stage.log.append("theirs", [encode(Text(f"{number}"))])
            )
            assert (page.start, len(page.entries)) == (number + 1, 1)
        await stage.log.append("theirs", [], end=DELETED)
        assert [page async for page in following] == []

    run(main())


def test_a_follower_that_leaves_disturbs_nobody() -> None:
    async def main() -> None:
        stage = Stage(ticking)
        running = await stage.start()
        leaving = [stage.runs.follow(running.id) for _ in range(3)]
        for each in leaving:
            await anext(each)
        staying = asyncio.create_task(stage.entries(running))
        await settle()
        assert len(running.readers) == 4
        for each in leaving:
            await each.aclose()
        waiting = asyncio.create_task(stage.entries(running))
        await settle()
        waiting.cancel()  # while it waits for the next entry
        await asyncio.wait([waiting])
        assert len(running.readers) == 1
        assert (await staying)[-1].event == running.outcome
        assert running.outcome == Complete("0 1 2 3 4 5 6 7 8 9 ")

    run(main())


# To drain


def test_a_drain_lets_runs_finish_for_some_time_and_then_ends_them() -> None:
    async def main() -> None:
        async def agent(turn: Turn) -> Any:
            yield turn.prompt
            await asyncio.sleep(float(turn.prompt))

        stage = Stage(agent)
        short, long = await stage.start("3"), await stage.start("30")
        followers = [asyncio.create_task(stage.entries(each)) for each in (short, long)]
        await settle()
        draining = asyncio.create_task(stage.runs.drain(10))
        await settle()
        with pytest.raises(TooManyRuns, match="shutting down") as refused:
            await stage.start()
        assert refused.value.retry_after == 5
        await draining
        assert now() == pytest.approx(10, abs=0.01)
        ends = [(await follower)[-1].event for follower in followers]
        assert ends == [Complete("3"), SHUTDOWN]
        assert stage.runs.active_count == 0

    run(main())


def test_a_follower_that_is_slow_reads_the_end_also_of_a_run_that_was_drained() -> None:
    async def main() -> None:
        stage = Stage(silent)
        running = await stage.start()
        async with aclosing(stage.runs.follow(running.id)) as pages:
            await anext(pages)
            await stage.runs.drain(0)
            assert [page.is_end async for page in pages] == [True]

    run(main())


def test_a_drain_with_nothing_to_do_takes_no_time() -> None:
    async def main() -> None:
        stage = Stage(silent)
        await stage.runs.drain(60)
        await stage.runs.drain(0)
        assert now() < 0.01

    run(main())


def test_a_drain_without_patience_still_lets_agents_clean_up() -> None:
    async def main() -> None:
        done: list[str] = []

        async def agent(turn: Turn) -> Any:
            try:
                yield "x"
                await asyncio.sleep(FOREVER)
            finally:
                await asyncio.sleep(1)
                done.append("cleaned up")

        stage = Stage(agent)
        running = await stage.start()
        await settle()
        await stage.runs.drain(0)
        assert running.outcome == SHUTDOWN
        assert done == ["cleaned up"]

    run(main())


def test_after_a_drain_runs_can_be_taken_again() -> None:
    async def main() -> None:
        stage = Stage(saying("x"))
        await stage.runs.drain(0)
        with pytest.raises(TooManyRuns):
            await stage.start()
        stage.runs.reopen()
        assert Complete("x") in await stage.play()

    run(main())


def test_the_client_of_a_run_that_is_not_here_is_nobody_s_to_expect() -> None:
    async def main() -> None:
        Stage(saying()).runs.expect_client("elsewhere")  # it may be another worker's, or over

    run(main())
