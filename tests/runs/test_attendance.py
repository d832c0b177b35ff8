"""When the last follower of a run leaves, whichever worker each of them was at."""

import asyncio
from contextlib import aclosing, suppress

import pytest

from asgi_agent.errors import Unavailable
from asgi_agent.events import Cancelled, Complete
from asgi_agent.runs import Run
from asgi_agent.runs.attendance import TELL_SECONDS, TRUE_SECONDS
from asgi_agent.testing import run
from tests.runs.shared_log import now
from tests.runs.stage import Stage
from tests.runs.workers import Pair, counter

LONG = 3 * TRUE_SECONDS


async def follow_for(stage: Stage, running: Run, seconds: float, *, is_back: bool = False) -> None:
    """Follow the run for so long, and leave; to come back with an answer, where it `is_back`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(stage.runs.follow(running.id)) as pages:
            async for _ in pages:
                if is_back:
                    stage.runs.expect_client(running.id)


def test_a_client_that_comes_back_to_another_worker_is_not_missed() -> None:
    async def main() -> None:
        pair = Pair(counter, on_disconnect=5)
        running = await pair.one.start("100")
        await follow_for(pair.one, running, 2.5)
        await asyncio.sleep(2)
        await follow_for(pair.two, running, 20)
        assert running.outcome is None
        await asyncio.sleep(4)
        assert running.outcome is None
        await running.ended.wait()
        assert running.outcome == Cancelled("disconnected")
        assert now() == pytest.approx(29.5, abs=0.1)

    run(main())


def test_a_client_that_was_always_at_another_worker_is_missed_when_it_leaves() -> None:
    async def main() -> None:
        pair = Pair(counter, on_disconnect="cancel")
        running = await pair.one.start("100")
        staying = asyncio.create_task(follow_for(pair.two, running, 5.5))
        await follow_for(pair.two, running, 2.5)
        await asyncio.sleep(1)
        assert running.outcome is None
        await staying
        await running.ended.wait()
        assert running.outcome == Cancelled("disconnected")
        assert now() == pytest.approx(5.5, abs=0.1)

    run(main())


def test_of_a_follower_here_and_one_elsewhere_the_last_one_counts() -> None:
    async def main() -> None:
        pair = Pair(counter, on_disconnect="cancel")
        for here, there in ((2.5, 5.5), (5.5, 2.5)):
            running = await pair.one.start("100")
            began = now()
            staying = asyncio.create_task(follow_for(pair.one, running, here))
            await follow_for(pair.two, running, there)
            await staying
            await running.ended.wait()
            assert running.outcome == Cancelled("disconnected")
            assert now() - began == pytest.approx(5.5, abs=0.1)

    run(main())


def test_a_follower_elsewhere_stays_as_long_as_it_likes_though_hints_are_lost() -> None:
    async def main() -> None:
        pair = Pair(counter, on_disconnect="cancel")
        pair.lines[0].is_deaf = True
        running = await pair.one.start(str(int(LONG)))
        await follow_for(pair.two, running, 2 * LONG)
        assert isinstance(running.outcome, Complete)

    run(main())


def test_a_worker_that_is_lost_has_no_followers_after_a_while() -> None:
    async def main() -> None:
        pair = Pair(counter, on_disconnect=5)
        running = await pair.one.start("1000")
        following = pair.following(running)
        await asyncio.sleep(2.5)
        pair.lines[1].cut()
        await running.ended.wait()
        assert running.outcome == Cancelled("disconnected")
        assert now() == pytest.approx(TRUE_SECONDS + 5, abs=TELL_SECONDS)
        following.cancel()

    run(main(), leaks=False)


def test_who_has_to_go_because_the_worker_does_has_not_left_the_run() -> None:
    async def main() -> None:
        pair = Pair(counter, on_disconnect="cancel")
        running = await pair.one.start("30")
        following = pair.following(running)
        await asyncio.sleep(2.5)
        await pair.two.runs.drain(0)
        await following
        await asyncio.sleep(5)
        assert running.outcome is None
        await pair.one.entries(running)
        assert isinstance(running.outcome, Complete)

    run(main())


def test_who_leaves_another_worker_to_come_back_with_an_answer_is_not_missed() -> None:
    async def main() -> None:
        pair = Pair(counter, on_disconnect="cancel")
        running = await pair.one.start("20")
        await follow_for(pair.two, running, 2.5, is_back=True)
        await asyncio.sleep(5)
        assert running.outcome is None
        await follow_for(pair.two, running, 2.5)
        await running.ended.wait()
        assert running.outcome == Cancelled("disconnected")

    run(main())


def test_a_follower_that_could_not_say_so_says_it_as_soon_as_it_can() -> None:
    async def main() -> None:
        pair = Pair(counter, on_disconnect=5)
        running = await pair.one.start("30")
        await follow_for(pair.one, running, 1.5)
        append = pair.lines[1].append

        async def fail(*_: object, **__: object) -> int:
            raise Unavailable("not now")

        pair.lines[1].append = fail  # type: ignore[method-assign]
        following = pair.following(running)
        await asyncio.sleep(2)
        pair.lines[1].append = append  # type: ignore[method-assign]
        await following
        assert isinstance(running.outcome, Complete)

    run(main())


@pytest.mark.parametrize("on_disconnect", ["continue", "cancel"])
def test_nothing_is_told_where_nobody_wants_to_know_or_the_run_has_ended(
    on_disconnect: str,
) -> None:
    async def main() -> None:
        pair = Pair(counter, on_disconnect=on_disconnect)
        running = await pair.one.start("3")
        if on_disconnect == "cancel":
            await running.ended.wait()
        await pair.following(running)
        assert isinstance(running.outcome, Complete)
        assert pair.lines[1].appends == 0

    run(main())
