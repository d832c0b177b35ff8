"""Agents: what one is, and other people's as ours."""

from .base import Agent, Message, Turn

__all__ = ["Agent", "Message", "Turn"]
