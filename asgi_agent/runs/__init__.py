"""Runs: start them, follow them, steer them, from any worker."""

from .mailbox import Asked
from .record import Ending
from .run import Run
from .runs import Runs
from .steering import Steering

__all__ = ["Asked", "Ending", "Run", "Runs", "Steering"]
