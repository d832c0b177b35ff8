"""HTTP response streaming, Server-Sent Events and WebSocket messages over raw ASGI.

Standard library only; each part is usable alone, under any host program.
"""

from .disconnect import UntilDisconnect
from .event_stream import EventStream
from .http import JSONResponse, Response, header, read_body
from .lifespan import lifespan
from .paths import Place, locate
from .signals import StopSignals
from .silence import silence
from .streaming import StreamingResponse
from .types import ASGIApp, Headers, Message, Receive, Scope, Send
from .websocket import WebSocket

__all__ = [
    "ASGIApp",
    "EventStream",
    "Headers",
    "JSONResponse",
    "Message",
    "Place",
    "Receive",
    "Response",
    "Scope",
    "Send",
    "StopSignals",
    "StreamingResponse",
    "UntilDisconnect",
    "WebSocket",
    "header",
    "lifespan",
    "locate",
    "read_body",
    "silence",
]
