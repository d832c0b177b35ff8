"""Servers that are at a loss when a request is not the usual one."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from ..options import Options
from ..transcript import Exchange, Record, changed
from .alter import altered, driven, sound, with_field, with_status
from .golden import KNOWN_METHODS, Golden
from .http import Asked, Wire
from .registry import mutant

QUICK = 0.03  # seconds between events
HASTY = Options(time_scale=0.2)  # what takes for ever is told after 0.4 s
ROOM = 20  # for streams


class BodyForHead(Golden):
    """Answers HEAD as if it were GET."""

    async def stream(self, asked: Asked, wire: Wire, blocks: AsyncGenerator[bytes, None]) -> bool:
        method = "GET" if asked.method == "HEAD" else asked.method
        return await super().stream(replace(asked, method=method), wire, blocks)


@mutant("ROB-01", "streams to HEAD", BodyForHead().serve)
def body_for_head() -> Record:
    return driven(BodyForHead(events=3, interval=QUICK))


class SilentToHead(Golden):
    """Never answers HEAD."""

    async def answer(self, asked: Asked, wire: Wire) -> bool:
        if asked.method == "HEAD":
            await wire.gone()
        return await super().answer(asked, wire)


@mutant("ROB-01", "never answers HEAD", SilentToHead().serve)
def silent_to_head() -> Record:
    return driven(SilentToHead(events=3, interval=QUICK), HASTY)


class NoHead(Golden):
    """Refuses HEAD, in the right way."""

    methods = ("GET", "OPTIONS")


@mutant("ROB-02", "does not support HEAD", NoHead().serve)
def no_head() -> Record:
    return driven(NoHead(events=3, interval=QUICK))


@mutant("ROB-03", "refuses without Allow")
def no_allow() -> Record:
    return altered("put", lambda put: with_field(put, "Allow"))


class AnyMethod(Golden):
    """Takes unknown methods for GET."""

    async def answer(self, asked: Asked, wire: Wire) -> bool:
        method = asked.method if asked.method in KNOWN_METHODS else "GET"
        return await super().answer(replace(asked, method=method), wire)


@mutant("ROB-04", "streams to an unknown method", AnyMethod().serve)
def any_method() -> Record:
    return driven(AnyMethod(events=3, interval=QUICK))


class OptionsStreams(Golden):
    """Takes OPTIONS for GET, unless it is a preflight."""

    async def options(self, asked: Asked, wire: Wire, methods: tuple[str, ...]) -> bool:
        if asked.value("access-control-request-method") is None:
            return await self.passive(asked, wire)
        return await super().options(asked, wire, methods)


@mutant("ROB-05", "streams to OPTIONS", OptionsStreams().serve)
def options_streams() -> Record:
    return driven(OptionsStreams(events=3, interval=QUICK))


@mutant("ROB-06", "has a page for those who want no stream")
def a_page_instead() -> Record:
    return altered("accept_image", lambda get: with_field(get, "Content-Type", "text/html"))


@mutant("ROB-07", "wants one Accept, to the letter")
def one_accept() -> Record:
    return altered("accept_list", lambda get: with_status(get, 406))


class HangsWhenHalfClosed(Golden):
    """Waits for a client that has said all that it will ever say."""

    async def passive(self, asked: Asked, wire: Wire) -> bool:
        try:
            async with asyncio.timeout(0.02):
                await wire.gone()
        except TimeoutError:
            return await super().passive(asked, wire)
        return await asyncio.Event().wait()  # for ever


@mutant("ROB-09", "hangs when it is half closed", HangsWhenHalfClosed().serve)
def hangs_when_half_closed() -> Record:
    return driven(HangsWhenHalfClosed(events=3, interval=QUICK), HASTY)


@mutant("ROB-13", "answers without Host")
def no_host_wanted() -> Record:
    without = [
        replace(item, head=stream.head)
        for item, stream in zip(sound().all("no_host"), sound().all("get"), strict=True)
        if isinstance(item, Exchange) and isinstance(stream, Exchange)
    ]
    return changed(sound(), "no_host", without)


class ClosesInSilence(Golden):
    """Closes the connection after a stream, and has not said so."""

    async def passive(self, asked: Asked, wire: Wire) -> bool:
        await super().passive(asked, wire)
        return False


@mutant("ROB-14", "closes without saying so", ClosesInSilence().serve)
def closes_in_silence() -> Record:
    return driven(ClosesInSilence(events=3, interval=QUICK))


class FewAtOnce(Golden):
    """Has room for a few streams, and lets the others wait."""

    async def passive(self, asked: Asked, wire: Wire) -> bool:
        if self.open >= ROOM:
            await wire.gone()
        return await super().passive(asked, wire)


@mutant("ROB-15", "has room for few", FewAtOnce().serve)
def few_at_once() -> Record:
    return driven(FewAtOnce(interval=QUICK), Options(load=True, fast=True, time_scale=0.2))
