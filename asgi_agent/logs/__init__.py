"""Event logs: one protocol, and a store for each way to deploy."""

from .base import DELETED, EventLog, Page, Wake
from .by_url import open_log
from .memory import MemoryLog
from .sqlite import SQLiteLog

__all__ = ["DELETED", "EventLog", "MemoryLog", "Page", "SQLiteLog", "Wake", "open_log"]
