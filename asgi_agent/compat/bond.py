"""Bond's server under its own names: `from asgi_agent.compat.bond import create_bond_server`.

The routes, bodies and events are Bond's; its defects are not. `session_timeout_seconds` counts
idleness, `max_concurrent_sessions` what is running, and `text` events are true deltas.
"""

from ..agents import Agent
from ..app import AgentApp, create_app
from ..config import ServerConfig
from ..inputs import AskRequest, HealthResponse, SessionResponse
from ..sessions import Session, SessionManager, SessionStatus

__all__ = [
    "AskRequest",
    "HealthResponse",
    "ServerConfig",
    "Session",
    "SessionManager",
    "SessionResponse",
    "SessionStatus",
    "create_bond_server",
]


def create_bond_server(agent: Agent, config: ServerConfig | None = None) -> AgentApp:
    """An ASGI application that serves `agent` as Bond's server would."""
    return create_app(agent, config)
