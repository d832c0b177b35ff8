"""Check that a server's event streams are what every client of Server-Sent Events can read.

The suite knows the specifications, and no server: it meets what it checks on the wire, or as an
ASGI callable, and its reading of the specifications is its own.
"""

__version__ = "0.1.0"
REQUIREMENT_SET = "2026.1"
