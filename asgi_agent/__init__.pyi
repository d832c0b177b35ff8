from .agents import Agent, Turn
from .app import AgentApp, create_app
from .asgi import EventStream, JSONResponse, StreamingResponse, WebSocket
from .config import ServerConfig
from .errors import AgentError, AsgiAgentError
from .events import (
    AgentEvent,
    Approval,
    Audio,
    BlockEnd,
    BlockStart,
    Cancelled,
    ClientTool,
    Complete,
    Data,
    Error,
    Question,
    Status,
    Text,
    Thinking,
    ToolDelta,
    ToolExec,
    ToolResult,
)
from .logs import EventLog, MemoryLog, SQLiteLog, open_log
from .middleware import CORS, Backpressure, Origin
from .sessions import Session, SessionManager, SessionStatus
from .sse import Comment, Event, EventStreamDecoder

__all__ = [
    "CORS",
    "Agent",
    "AgentApp",
    "AgentError",
    "AgentEvent",
    "Approval",
    "AsgiAgentError",
    "Audio",
    "Backpressure",
    "BlockEnd",
    "BlockStart",
    "Cancelled",
    "ClientTool",
    "Comment",
    "Complete",
    "Data",
    "Error",
    "Event",
    "EventLog",
    "EventStream",
    "EventStreamDecoder",
    "JSONResponse",
    "MemoryLog",
    "Origin",
    "Question",
    "SQLiteLog",
    "ServerConfig",
    "Session",
    "SessionManager",
    "SessionStatus",
    "Status",
    "StreamingResponse",
    "Text",
    "Thinking",
    "ToolDelta",
    "ToolExec",
    "ToolResult",
    "Turn",
    "WebSocket",
    "create_app",
    "open_log",
]
