"""Conversations: their turns, their history, and when they are forgotten."""

from .manager import FORMER_SESSIONS, SessionManager
from .session import KEPT_TURNS, Session, SessionStatus

__all__ = [
    "FORMER_SESSIONS",
    "KEPT_TURNS",
    "Session",
    "SessionManager",
    "SessionStatus",
]
