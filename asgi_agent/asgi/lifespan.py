"""The host starts and ends: answer both messages, whatever happens meanwhile.

https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from .types import Receive, Send

log = logging.getLogger("asgi_agent")

Hook: TypeAlias = Callable[[], Awaitable[object]]


async def lifespan(
    receive: Receive, send: Send, *, startup: Hook | None = None, shutdown: Hook | None = None
) -> None:
    """Run `startup` and `shutdown` when the host says so, and answer it.

    A hook that fails is logged; the host is told that it failed, and not why. After a failed
    startup there is nothing to shut down. Not every host calls this, and some do for every request:
    what a hook makes is to be made lazily too.
    """
    # Some hosts end when this returns before the shutdown, others take an exception for "not
    # supported", and any waits for ever for an answer that does not come.
    while True:
        match (await receive())["type"]:
            case "lifespan.startup":
                if not await _answer(send, "lifespan.startup", startup):
                    shutdown = None
            case "lifespan.shutdown":
                await _answer(send, "lifespan.shutdown", shutdown)
                return
            case _:
                pass  # of a later version of the specification


async def _answer(send: Send, kind: str, hook: Hook | None) -> bool:
    """Run `hook` and tell the host how it went; whether it went well."""
    try:
        if hook is not None:
            await hook()
    except Exception:
        log.exception("%s failed", kind)
        await send({"type": f"{kind}.failed", "message": f"{kind} failed; the log says why"})
        return False
    await send({"type": f"{kind}.complete"})
    return True
