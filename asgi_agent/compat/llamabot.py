"""LlamaBot's helper under its own name: `from asgi_agent.compat.llamabot import sse_stream`.

It yields the same dictionaries, for sse-starlette's `EventSourceResponse`, without the defects: an
error tells nothing of its inside, a lone surrogate does not end the stream, a CRLF in two pieces is
one line end, and a bot that never waits does not keep the server from others.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from time import monotonic
from typing import Any

from ..agents.llamabot import Bot, chunks
from ..errors import AgentError
from ..events import scrub

__all__ = ["sse_stream"]

log = logging.getLogger("asgi_agent")

FAILED = "The bot failed."
LONGEST_STEP = 0.01  # seconds that a bot may go on without giving way to others


async def sse_stream(
    bot: Bot, messages: Sequence[Any] | str, event_type: str = "message", done_event: str = "done"
) -> AsyncGenerator[dict[str, str], None]:
    """What the bot says to `messages`, event by event; then `done_event`, or "error".

    One message may be given as it is.
    """
    told = [messages] if isinstance(messages, str) else messages
    try:
        async with aclosing(_texts(bot, *told)) as texts:
            async for text in texts:
                yield {"event": event_type, "data": text}
    except AgentError as error:
        yield {"event": "error", "data": str(error)}
    except Exception:
        log.exception("A bot failed")
        yield {"event": "error", "data": FAILED}
    else:
        yield {"event": done_event, "data": ""}


async def _texts(bot: Bot, *messages: Any) -> AsyncGenerator[str, None]:
    """The chunks as an event stream can carry them, and time for others between them."""
    ends_with_cr = False
    since = monotonic()
    async with aclosing(chunks(bot, *messages)) as found:
        async for chunk in found:
            text = chunk.removeprefix("\n") if ends_with_cr else chunk
            ends_with_cr = chunk.endswith("\r") if chunk else ends_with_cr
            if text or not chunk:
                yield scrub(text)
            if monotonic() - since > LONGEST_STEP:
                await asyncio.sleep(0)
                since = monotonic()
