r"""An ASGI server in memory, with a virtual clock: for our tests and yours. It needs no pytest.

>>> async def app(scope, receive, send):
...     assert scope["type"] == "http"  # there is no lifespan
...     headers = [(b"content-type", b"text/event-stream")]
...     await send({"type": "http.response.start", "status": 200, "headers": headers})
...     await asyncio.sleep(15)
...     await send({"type": "http.response.body", "body": b"data: hello\n\n"})

>>> async def test():
...     async with Server(app) as server, server.stream("GET", "/") as stream:
...         return stream.status, [event.data async for event in stream.events()]

>>> import asyncio
>>> run(test())
(200, ['hello'])
"""

from .behaviour import HOSTS, Behaviour
from .clients import Response, Stream, WebSocketClosed, WebSocketSession
from .clock import Deadlock, Leak, run, settle
from .rules import ProtocolViolation
from .server import LifespanFailed, Server

__all__ = [
    "HOSTS",
    "Behaviour",
    "Deadlock",
    "Leak",
    "LifespanFailed",
    "ProtocolViolation",
    "Response",
    "Server",
    "Stream",
    "WebSocketClosed",
    "WebSocketSession",
    "run",
    "settle",
]
