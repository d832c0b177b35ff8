"""Runs: start them, follow them, cancel them."""

from .run import Run
from .runs import Runs

__all__ = ["Run", "Runs"]
