"""One timer tells everybody who has been silent for too long."""

import asyncio
import gc
import weakref
from functools import partial

import pytest

from asgi_agent.asgi import silence
from asgi_agent.asgi.silence import Silence
from asgi_agent.errors import UsageError
from asgi_agent.testing import run

Heard = list[tuple[str, float]]


def now() -> float:
    return asyncio.get_running_loop().time()


class Line:
    """Who was called back, and when."""

    def __init__(self) -> None:
        self.calls: Heard = []

    def note(self, name: str) -> None:
        self.calls.append((name, now()))


def test_each_silence_is_told_and_the_next_one_is_as_long() -> None:
    async def main() -> Heard:
        line = Line()
        with Silence(4).broken_by(partial(line.note, "a")):
            await asyncio.sleep(13)
        await asyncio.sleep(10)
        return line.calls

    assert run(main()) == [("a", 4), ("a", 8), ("a", 12)]


def test_who_is_heard_is_left_alone_for_as_long() -> None:
    async def main() -> Heard:
        line = Line()
        with Silence(4).broken_by(partial(line.note, "a")) as heard:
            for _ in range(3):
                await asyncio.sleep(3)
                heard()
            await asyncio.sleep(5)
        return line.calls

    assert run(main()) == [("a", 13)]


def test_all_who_are_silent_together_are_told_in_their_order() -> None:
    async def main() -> Heard:
        line, quiet = Line(), Silence(4)
        with (
            quiet.broken_by(partial(line.note, "a")) as a,
            quiet.broken_by(partial(line.note, "b")),
        ):
            await asyncio.sleep(1)
            with quiet.broken_by(partial(line.note, "c")):
                await asyncio.sleep(1)
                a()
                await asyncio.sleep(5)
        return line.calls

    assert run(main()) == [("b", 4), ("c", 5), ("a", 6)]


def test_the_first_in_the_line_may_leave_it() -> None:
    async def main() -> Heard:
        line, quiet = Line(), Silence(4)
        first = quiet.broken_by(partial(line.note, "first"))
        with first:
            await asyncio.sleep(1)
            second = quiet.broken_by(partial(line.note, "second"))
            second.__enter__()
            await asyncio.sleep(1)
        await asyncio.sleep(4)
        second.__exit__(None, None, None)
        return line.calls

    assert run(main()) == [("second", 5)]


def test_what_is_heard_after_the_end_is_nobodys() -> None:
    async def main() -> Heard:
        line, quiet = Line(), Silence(4)
        with quiet.broken_by(partial(line.note, "a")) as heard:
            pass
        heard()
        with quiet.broken_by(partial(line.note, "b")):
            await asyncio.sleep(5)
        return line.calls

    assert run(main()) == [("b", 4)]


def test_a_thousand_streams_have_one_timer_and_none_when_they_have_ended() -> None:
    async def main() -> None:
        quiet = Silence(4)
        loop = asyncio.get_running_loop()
        streams = [quiet.broken_by(partial(print, number)) for number in range(1000)]
        hearers = [stream.__enter__() for stream in streams]
        for heard in hearers:
            heard()
        assert len(timers(loop)) == 1
        for stream in streams:
            stream.__exit__(None, None, None)
        assert timers(loop) == []

    run(main())


def timers(loop: asyncio.AbstractEventLoop) -> list[asyncio.TimerHandle]:
    assert isinstance(loop, asyncio.BaseEventLoop)
    return [timer for timer in loop._scheduled if not timer.cancelled()]


def test_there_is_one_for_each_period_and_event_loop() -> None:
    async def main() -> Silence:
        assert silence(4) is silence(4)
        assert silence(4) is not silence(5)
        return silence(4)

    assert run(main()) is not run(main())


def test_it_does_not_keep_its_event_loop_alive() -> None:
    async def main() -> weakref.ref[asyncio.AbstractEventLoop]:
        with silence(4).broken_by(partial(print, "never")):
            await asyncio.sleep(1)
        return weakref.ref(asyncio.get_running_loop())

    loop = run(main())
    gc.collect()
    assert loop() is None


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_silence_lasts(seconds: float) -> None:
    with pytest.raises(UsageError, match="longer than 0 seconds"):
        Silence(seconds)
