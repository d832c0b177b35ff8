"""A plain function speaks in a thread of its own, is bounded, and ends when nobody listens."""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest

from asgi_agent.agents.threads import AHEAD, Returned, Say, Stopped, Threads
from asgi_agent.testing import run

SECONDS = 5  # a thread that has not done it by then never will


async def all_of(threads: Threads, work: Callable[[Say], Any]) -> list[Any]:
    async with aclosing(threads.listen(work)) as heard:
        return [each async for each in heard]


async def happens(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.001)


def test_what_is_said_is_heard_in_order_and_the_result_comes_last() -> None:
    def work(say: Say) -> str:
        for number in range(3 * AHEAD):
            say(number)
        return "done"

    assert run(all_of(Threads(), work)) == [*range(3 * AHEAD), Returned("done")]


def test_it_has_a_thread_of_its_own_and_the_context_of_its_caller() -> None:
    name = contextvars.ContextVar("name", default="nobody")

    def work(say: Say) -> tuple[str, bool]:
        told = name.get()
        name.set("changed")
        return told, threading.current_thread() is threading.main_thread()

    async def main() -> None:
        name.set("Alice")
        assert await all_of(Threads(), work) == [Returned(("Alice", False))]
        assert name.get() == "Alice"

    run(main())


def test_what_it_raises_is_raised() -> None:
    def work(say: Say) -> None:
        say("half")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run(all_of(Threads(), work))


def test_it_ends_itself_and_not_the_server() -> None:
    with pytest.raises(RuntimeError, match="more than itself") as raised:
        run(all_of(Threads(), lambda _: exec("raise SystemExit")))
    assert isinstance(raised.value.__cause__, SystemExit)


@pytest.mark.parametrize("is_careful", [True, False])
def test_o6_who_is_not_listened_to_any_more_ends_at_the_next_word(is_careful: bool) -> None:
    ended = threading.Event()

    def work(say: Say) -> None:
        try:
            while True:
                try:
                    say("on")
                except Exception as error:
                    raise AssertionError("it must not be held up") from error
        finally:
            ended.set()

    async def main() -> None:
        threads = Threads(1)
        heard = threads.listen(work)
        assert await anext(heard) == "on"
        if is_careful:
            await asyncio.sleep(0.01)  # it is far ahead, and waits
        await heard.aclose()
        await happens(ended.is_set)
        assert await all_of(threads, lambda _: "next") == [Returned("next")]

    run(main())


def test_others_that_it_has_speak_end_too() -> None:
    ended: list[int] = []

    def work(say: Say) -> None:
        def speak(number: int) -> None:
            try:
                while True:
                    say(number)
            except Stopped:
                ended.append(number)

        others = [threading.Thread(target=speak, args=(number,)) for number in range(3)]
        for other in others:
            other.start()
        for other in others:
            other.join()

    async def main() -> None:
        heard = Threads().listen(work)
        await anext(heard)
        await heard.aclose()
        await happens(lambda: len(ended) == 3)

    run(main())


def test_o9_it_waits_for_a_listener_who_is_slow() -> None:
    said: list[int] = []

    def work(say: Say) -> None:
        for number in range(10 * AHEAD):
            say(number)
            said.append(number)

    async def main() -> None:
        async with aclosing(Threads().listen(work)) as heard:
            for number in range(5):
                assert await anext(heard) == number
            await happens(lambda: len(said) == AHEAD + 5)
            await asyncio.sleep(0.02)
            assert len(said) == AHEAD + 5

    run(main())


def test_o7_only_so_many_speak_at_once_and_the_next_waits_for_its_turn() -> None:
    let_go = threading.Event()
    at_once: list[int] = []
    active: list[int] = []

    def work(say: Say) -> None:
        active.append(1)
        at_once.append(len(active))
        let_go.wait(SECONDS)
        active.pop()

    async def main() -> None:
        threads = Threads(2)
        assert not threads.is_full
        tasks = [asyncio.create_task(all_of(threads, work)) for _ in range(5)]
        await happens(lambda: len(active) == 2)
        assert threads.is_full
        tasks[-1].cancel()  # while it waits
        let_go.set()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(each) for each in ended] == [*[list] * 4, asyncio.CancelledError]
        assert max(at_once) == 2
        assert not threads.is_full

    run(main())


def test_a_turn_that_was_granted_at_the_moment_of_its_cancellation_goes_to_the_next() -> None:
    async def main() -> None:
        threads = Threads(1)
        await threads._enter()
        second = asyncio.create_task(threads._enter())
        await asyncio.sleep(0)
        threads._grant(threads._waiting.popleft())  # as `_leave` has it done
        second.cancel()
        await asyncio.wait({second})
        assert not threads.is_full

    run(main())


def test_a_turn_is_passed_over_where_the_event_loop_is_gone() -> None:
    threads = Threads(1)

    async def wait_in_vain() -> None:
        await threads._enter()
        waiting = asyncio.create_task(threads._enter())
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(wait_in_vain())
    threads._leave()
    assert not threads.is_full


def test_a_thread_whose_event_loop_is_gone_ends_at_its_next_word() -> None:
    let_go, ended = threading.Event(), threading.Event()

    def work(say: Say) -> None:
        let_go.wait(SECONDS)
        try:
            say("nobody hears it")
        except Stopped:
            ended.set()

    async def forsake() -> None:
        heard = Threads().listen(work)
        asyncio.get_running_loop().call_later(0.01, heard_by_nobody.set)
        task = asyncio.ensure_future(anext(heard))
        await heard_by_nobody.wait()
        frames.extend([heard, task])

    frames: list[Any] = []
    heard_by_nobody = asyncio.Event()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(forsake())
    frames[1].cancel()
    loop.close()
    let_go.set()
    assert ended.wait(SECONDS)


def test_a_thread_that_cannot_be_started_takes_no_place() -> None:
    async def main() -> None:
        threads = Threads(1)
        size = threading.stack_size(1 << 46)  # more than there is
        try:
            with pytest.raises(RuntimeError, match="can't start"):
                await all_of(threads, lambda _: 1)
        finally:
            threading.stack_size(size)
        assert not threads.is_full

    run(main())
