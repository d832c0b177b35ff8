"""Signals, of which the host's own handler must hear as if we were not there."""

import asyncio
import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager

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
