"""What the bytes of an event stream are, to the letter: WHATWG HTML 9.2.5 and 9.2.6."""

from .interpretation import Block, Event, Interpretation, interpret
from .lines import Line, lines_of

__all__ = ["Block", "Event", "Interpretation", "Line", "interpret", "lines_of"]
