"""The driver for clients: a program, a service or a browser reads streams, and tells what it saw.

What they are to say is told in `reading` (a program), `service` (a service), `page` (a browser)
and `listing` (whatever else can read URLs).
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace

from ..checks.consumer import BROWSER
from ..options import Options
from ..transcript import Record, Request, Subject
from ..wire.place import place_of
from ..wire.stage import Reply, Stage
from .check import Progress, quiet
from .listing import Listing
from .page import Page
from .reading import read_corpus
from .service import Service
from .staging import play_all

TOTAL = 240.0  # seconds that all of it may take
ARRIVAL = 600.0  # seconds for somebody to open the page


def client(
    command: Sequence[str], options: Options | None = None, progress: Progress = quiet
) -> Record:
    """Record what a program makes of the corpus, line by line.

    Raises `OSError` if it cannot be started, and `ContractError`, a `ValueError`, if it does not
    keep to the contract. If it never answers, nothing is recorded.
    """
    record = _record(" ".join(command), options)
    return _within(record, lambda: read_corpus(command, record.subject.options, record, progress))


def client_service(url: str, options: Options | None = None, progress: Progress = quiet) -> Record:
    """Record what the client behind a test service makes of the corpus, and how it reconnects.

    Raises `ValueError` if the URL is none, or leads to another machine, which we do not trouble
    unless it is said to be our own; and `OSError` if there is no service.
    """
    record = _record(url, options)
    if not (place_of(url).is_loopback or record.subject.options.own_target):
        raise ValueError(
            f"a service on another machine is only told what to do by its owner: {url}"
        )
    return _within(record, lambda: _drive_service(url, record, progress))


def client_page(
    port: int = 0,
    options: Options | None = None,
    progress: Progress = quiet,
    invite: Progress = quiet,
) -> Record:
    """Serve a page, and record what the EventSource of the browser that opens it does.

    The same server lists the corpus for any other client that asks for it and posts its results;
    who comes first is recorded. If nobody comes, nothing is. Where it is served is for `invite` to
    tell: what a person has to read must not be overwritten by how far it has come.
    """
    record = _record("the browser", options)
    return _within(record, lambda: _serve(port, record, progress, invite), ARRIVAL)


def _record(target: str, options: Options | None) -> Record:
    return Record(Subject(target=target, mode="client", options=options or Options()))


def _within(
    record: Record, work: Callable[[], Coroutine[object, object, None]], more: float = 0.0
) -> Record:
    """The record, when the work is done; or what there is of it, when its time is over."""

    async def run() -> None:
        async with asyncio.timeout(TOTAL * record.subject.options.time_scale + more):
            await work()

    with suppress(TimeoutError):
        asyncio.run(run())
    return record


async def _drive_service(url: str, record: Record, progress: Progress) -> None:
    options = record.subject.options
    service = Service(url, options.time_scale)
    await service.introduce()
    async with Stage() as stage:
        await play_all(stage, service, options, record, progress)


async def _serve(port: int, record: Record, progress: Progress, invite: Progress) -> None:
    page = Page()
    listing = Listing()

    async def pages(request: Request) -> Reply:
        return await listing.reply(request) or await page.reply(request)

    async with Stage(pages, port=port) as stage:
        invite(f"open {stage.url}/ in a browser; or read {stage.url}/cases.json")
        coming = {
            asyncio.ensure_future(each.wait()) for each in (page.is_here, listing.is_complete)
        }
        await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED)
        for each in coming:
            each.cancel()
        if listing.is_complete.is_set():
            for reading in listing.readings:
                record.add("reading", reading)
            return
        options = record.subject.options
        claims = replace(options, claims=options.claims | {BROWSER})
        record.subject = replace(record.subject, options=claims)
        await play_all(stage, page, options, record, progress)
        with suppress(OSError):  # it may be closed already
            await page.finish()
