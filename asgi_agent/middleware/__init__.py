"""Middleware: each takes an ASGI application and is one, around ours or any other.

All is written over `scope`, `receive` and `send` alone.
"""

from .backpressure import Backpressure
from .cors import CORS
from .origin import Origin, origin_allowed

__all__ = ["CORS", "Backpressure", "Origin", "origin_allowed"]
