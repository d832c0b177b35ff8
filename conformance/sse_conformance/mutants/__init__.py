"""Every way in which a subject may break a requirement: what the suite itself is tested with.

A mutant breaks one requirement and no other. Its own check must find it, and no other may.
"""

from . import (
    asgi,
    consumer,
    consumer_connections,
    cors,
    encoders,
    flow,
    liveness,
    passive,
    reconnection,
    robustness,
    robustness_emit,
    streams,
    transport,
    universal,
    websocket,
)
from .registry import MUTANTS, Mutant, Serving, mutant

__all__ = [
    "MUTANTS",
    "Mutant",
    "Serving",
    "asgi",
    "consumer",
    "consumer_connections",
    "cors",
    "encoders",
    "flow",
    "liveness",
    "mutant",
    "passive",
    "reconnection",
    "robustness",
    "robustness_emit",
    "streams",
    "transport",
    "universal",
    "websocket",
]
