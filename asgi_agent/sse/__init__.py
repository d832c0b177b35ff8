"""Server-sent events without I/O: events to bytes, bytes to events. Standard library only."""

from .decoder import EventStreamDecoder
from .event import HEARTBEAT, LONGEST_RETRY, Comment, Event

__all__ = ["HEARTBEAT", "LONGEST_RETRY", "Comment", "Event", "EventStreamDecoder"]
