"""Signals, of which the host's own handler must hear as if we were not there."""

import asyncio
import gc
import os
import signal
import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

from asgi_agent.asgi import StopSignals


@contextmanager
def host(number: signal.Signals) -> Generator[list[signal.Signals]]:
    """A host program that has a handler for the signal; what it hears."""
    heard: list[signal.Signals] = []
    before = signal.signal(number, lambda received, _: heard.append(signal.Signals(received)))
    try:
        yield heard
    finally:
        signal.signal(number, before)


def test_we_hear_the_signal_and_so_does_the_host() -> None:
    async def main() -> list[signal.Signals]:
        ours: list[signal.Signals] = []
        signals = StopSignals(ours.append)
        signals.watch()
        signals.watch()  # once is enough
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)
        finally:
            signals.unwatch()
        return ours

    with host(signal.SIGTERM) as theirs:
        assert asyncio.run(main()) == [signal.SIGTERM]
        assert theirs == [signal.SIGTERM]


def test_what_was_the_hosts_is_the_hosts_again() -> None:
    async def main() -> None:
        signals = StopSignals(lambda received: None)
        signals.watch()
        assert signal.getsignal(signal.SIGTERM) != before
        signals.unwatch()
        assert signal.getsignal(signal.SIGTERM) == before

    with host(signal.SIGTERM):
        before = signal.getsignal(signal.SIGTERM)
        asyncio.run(main())


def test_a_handler_that_came_after_ours_stays() -> None:
    def later(number: int, frame: object) -> None:
        raise AssertionError

    async def main() -> None:
        signals = StopSignals(lambda received: None)
        signals.watch()
        signal.signal(signal.SIGTERM, later)
        signals.unwatch()
        assert signal.getsignal(signal.SIGTERM) is later

    with host(signal.SIGTERM):
        asyncio.run(main())


def test_a_signal_without_a_handler_in_python_keeps_its_meaning() -> None:
    async def main() -> None:
        signals = StopSignals(lambda received: None)
        signals.watch()
        try:
            assert signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL
        finally:
            signals.unwatch()

    assert signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL
    asyncio.run(main())


def test_nothing_is_called_on_a_loop_that_is_closed() -> None:
    ours: list[signal.Signals] = []
    signals = StopSignals(ours.append)

    async def main() -> None:
        signals.watch()

    with host(signal.SIGTERM) as theirs:
        asyncio.run(main())
        os.kill(os.getpid(), signal.SIGTERM)
        signals.unwatch()
        assert theirs == [signal.SIGTERM]
    assert ours == []


def test_in_another_thread_nothing_is_changed() -> None:
    before = signal.getsignal(signal.SIGINT)

    async def main() -> None:
        StopSignals(lambda received: None).watch()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before


def test_it_can_be_turned_off() -> None:
    before = signal.getsignal(signal.SIGINT)

    async def main() -> None:
        signals = StopSignals(lambda received: None)
        signals.is_enabled = False
        signals.watch()

    asyncio.run(main())
    assert signal.getsignal(signal.SIGINT) is before


# Several applications in one process.


def told() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_one_that_stops_listening_takes_the_signal_from_nobody_else() -> None:
    async def main() -> list[signal.Signals]:
        ours: list[signal.Signals] = []
        first, second = StopSignals(ours.append), StopSignals(ours.append)
        first.watch()
        second.watch()
        first.unwatch()
        try:
            told()
            await asyncio.sleep(0.01)
        finally:
            second.unwatch()
        assert signal.getsignal(signal.SIGTERM) == before
        return ours

    with host(signal.SIGTERM) as theirs:
        before = signal.getsignal(signal.SIGTERM)
        assert asyncio.run(main()) == [signal.SIGTERM]
        assert theirs == [signal.SIGTERM]


def test_any_number_of_them_are_one_handler_and_are_not_kept() -> None:
    async def main() -> None:
        ours: list[signal.Signals] = []
        last = StopSignals(ours.append)
        forgotten = []
        for _ in range(1200):
            listener = StopSignals(ours.append)
            listener.watch()
            forgotten.append(weakref.ref(listener))
            del listener
        last.watch()
        try:
            gc.collect()
            assert {each() for each in forgotten} == {None}
            told()
            await asyncio.sleep(0.01)
            assert ours == [signal.SIGTERM]
        finally:
            last.unwatch()
        assert signal.getsignal(signal.SIGTERM) == before

    with host(signal.SIGTERM) as theirs:
        before = signal.getsignal(signal.SIGTERM)
        asyncio.run(main())
        assert theirs == [signal.SIGTERM]


def test_one_that_is_used_in_another_loop_listens_there() -> None:
    ours: list[signal.Signals] = []
    signals = StopSignals(ours.append)

    async def main() -> None:
        signals.watch()
        told()
        await asyncio.sleep(0.01)

    with host(signal.SIGTERM) as theirs:
        before = signal.getsignal(signal.SIGTERM)
        for _ in range(2):
            asyncio.run(main())
        signals.unwatch()
        assert signal.getsignal(signal.SIGTERM) == before
        assert ours == theirs == [signal.SIGTERM] * 2


def test_one_whose_loop_is_closed_does_not_keep_the_signal() -> None:
    left = StopSignals(lambda received: None)
    signals = StopSignals(lambda received: None)

    async def main(each: StopSignals) -> None:
        each.watch()

    with host(signal.SIGTERM):
        before = signal.getsignal(signal.SIGTERM)
        asyncio.run(main(left))
        asyncio.run(main(signals))
        signals.unwatch()
        assert signal.getsignal(signal.SIGTERM) == before


def test_another_thread_gives_nothing_back() -> None:
    async def main() -> None:
        StopSignals(lambda received: None).watch()  # and is forgotten
        ours = signal.getsignal(signal.SIGTERM)
        another = StopSignals(lambda received: None)
        await asyncio.to_thread(another.unwatch)
        assert signal.getsignal(signal.SIGTERM) is ours
        another.unwatch()

    with host(signal.SIGTERM):
        asyncio.run(main())


# A chain of handlers, in which the host's own is the last.


@contextmanager
def around() -> Generator[None]:
    """Somebody else who has taken the signal as we do: with a call of who was there before."""
    inner = signal.getsignal(signal.SIGTERM)
    assert callable(inner)
    signal.signal(signal.SIGTERM, partial(inner))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, inner)


def test_in_the_middle_of_a_chain_everybody_hears_once() -> None:
    async def main() -> list[signal.Signals]:
        ours: list[signal.Signals] = []
        first, second = StopSignals(ours.append), StopSignals(ours.append)
        first.watch()
        with around():
            told()
            second.watch()
            told()
            await asyncio.sleep(0.01)
            first.unwatch()
            second.unwatch()
            told()  # nobody listens, and we are in the chain still
            await asyncio.sleep(0.01)
        return ours

    with host(signal.SIGTERM) as theirs:
        assert asyncio.run(main()) == [signal.SIGTERM] * 3
        assert theirs == [signal.SIGTERM] * 3


def test_a_host_that_has_given_the_signal_back_itself_may_come_again() -> None:
    async def main() -> list[signal.Signals]:
        ours: list[signal.Signals] = []
        first, second = StopSignals(ours.append), StopSignals(ours.append)
        with host(signal.SIGTERM):
            first.watch()
        with host(signal.SIGTERM) as theirs:
            second.watch()
            told()
            await asyncio.sleep(0.01)
            first.unwatch()
            second.unwatch()
        assert theirs == [signal.SIGTERM]
        return ours

    with host(signal.SIGTERM) as outermost:
        assert asyncio.run(main()) == [signal.SIGTERM] * 2
        assert outermost == []
