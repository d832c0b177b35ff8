"""asgi_agent: any AI agent, to any front end, over raw ASGI.

The names below are loaded when they are first used (PEP 562), so that `asgi_agent.sse` and
`asgi_agent.asgi` cost nothing but the standard library. Type checkers read `__init__.pyi`.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "agents": ("Agent", "Turn"),
    "app": ("AgentApp", "create_app"),
    "asgi": ("EventStream", "JSONResponse", "StreamingResponse", "WebSocket"),
    "config": ("ServerConfig",),
    "errors": ("AgentError", "AsgiAgentError"),
    "events": (
        *(
            "AgentEvent",
            "Approval",
            "Audio",
            "BlockEnd",
            "BlockStart",
            "Cancelled",
            "ClientTool",
            "Complete",
        ),
        *("Data", "Error", "Question", "Status", "Text", "Thinking", "ToolDelta", "ToolExec"),
        "ToolResult",
    ),
    "logs": ("EventLog", "MemoryLog", "SQLiteLog", "open_log"),
    "middleware": ("CORS", "Backpressure", "Origin"),
    "sessions": ("Session", "SessionManager", "SessionStatus"),
    "sse": ("Comment", "Event", "EventStreamDecoder"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted(_HOME)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
