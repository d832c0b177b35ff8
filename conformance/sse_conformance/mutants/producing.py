"""Ask a golden server, or one that was made of it, for scripts in process: without any network."""

import asyncio
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from ..drivers.generating import Search
from ..script import request_for
from ..transcript import Emitted, Exchange, Head, Operations, Piece, Record, Subject
from .golden import Golden
from .http import Asked, Refused
from .registry import defect_of, mutant
from .script import Script, read_script

URL = "http://localhost/emit"
MOST = 4  # generated scripts of a requirement; those that somebody thought of come first
SECONDS = 60.0
G = TypeVar("G", bound=Golden)


def producer(requirement: str) -> Callable[[type[G]], type[G]]:
    """Register a server, whose docstring tells its defect, as a mutant that is asked in process."""

    def register(server: type[G]) -> type[G]:
        mutant(requirement, defect_of(server), server().serve)(lambda: recorded(server()))
        return server

    return register


def recorded(server: Golden) -> Record:
    """What is recorded of all that is looked for in this server."""
    record = Record(Subject(target=URL, mode="emit"))
    about = json.dumps(server.about()).encode()
    record.add("capabilities", _exchange(server, (), 200, [about]))
    search = searching(server)
    search.look_for_all(SECONDS, lambda _: None)
    for each in search.kept:
        record.add("emitted", each)
    return record


def searching(server: Golden, *, most: int = MOST, examples: bool = True) -> Search:
    """A search for scripts that the server gets wrong."""
    return Search(
        emit=partial(emitted, server),
        able=frozenset(server.capabilities),
        derandomize=True,
        most=most,
        examples=examples,
    )


def emitted(server: Golden, script: Operations) -> Emitted:
    """What the server makes of this script."""

    async def collected(read: Script) -> list[bytes]:
        return [block async for block in server.work(read)]

    try:
        read = read_script(request_for(URL, script).content, server.refusal)
    except Refused as refused:
        return Emitted(script=script, exchange=_exchange(server, script, refused.status, []))
    blocks = asyncio.run(collected(read))
    return Emitted(script=script, exchange=_exchange(server, script, 200, blocks))


def _exchange(server: Golden, script: Operations, status: int, blocks: Sequence[bytes]) -> Exchange:
    request = request_for(URL, script)
    asked = Asked(method="POST", target=request.target, http="1.1", fields=())
    fields = [(name.encode(), value.encode()) for name, value in server.stream_fields(asked)]
    return Exchange(
        request=request,
        head=Head(at=0.0, status=status, http="1.1", fields=tuple(fields)),
        body=tuple(Piece(0.0, block) for block in blocks if block),
        end="complete",
        ended_at=0.0,
    )
