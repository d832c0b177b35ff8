"""No agent: Server-Sent Events that resume, and nothing but the standard library behind them.

Run: uvicorn examples.event_stream_alone:app, then curl -N http://127.0.0.1:8000/.
"""

import asyncio
from collections.abc import AsyncGenerator

from asgi_agent.asgi import EventStream, Scope, header
from asgi_agent.sse import Event


async def ticks(scope: Scope) -> AsyncGenerator[Event, None]:
    last = header(scope, b"last-event-id") or ""
    first = int(last) + 1 if last.isdecimal() and len(last) < 10 else 1
    for number in range(first, first + 10):
        yield Event(f"tick {number}", id=str(number))
        await asyncio.sleep(1)


app = EventStream(ticks)
