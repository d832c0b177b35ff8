"""Event logs: one protocol, and a store for each way to deploy."""

from .base import DELETED, EventLog, Page, Wake
from .memory import MemoryLog

__all__ = ["DELETED", "EventLog", "MemoryLog", "Page", "Wake"]
