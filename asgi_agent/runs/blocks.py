"""The blocks of a run: every delta lies in a block of its kind, and every block that opens ends.

Agents may say the blocks themselves or leave them out; the log is well formed either way.
"""

from collections.abc import Iterable

from ..events import AgentEvent, BlockEnd, BlockStart, Text, Thinking, ToolDelta, ToolExec

TOOL_CALL = "tool-call"


class Blocks:
    """Numbers the blocks of one run from 0, at most one open at a time."""

    def __init__(self) -> None:
        self._open: BlockStart | None = None
        self._tool_id: str | None = None  # whose call the open block is
        self._next = 0

    def restore(self, said: Iterable[AgentEvent]) -> None:
        """Go on after these events of the log, in which the blocks are well formed."""
        for event in said:
            match event:
                case BlockStart():
                    self._open, self._tool_id, self._next = event, None, event.idx + 1
                case BlockEnd():
                    self._open = None
                case ToolDelta() | ToolExec() if self._open is not None:
                    self._tool_id = event.id
                case _:
                    pass

    @property
    def in_text(self) -> bool:
        """Whether a text delta can be logged as it is."""
        return self._open is not None and self._open.kind == Text.type

    def admit(self, event: AgentEvent) -> list[AgentEvent]:
        """What to log for `event`: itself, after the block events that its place needs."""
        match event:
            case Text() | Thinking():
                return [*self._enter(event.type, None), event]
            case ToolDelta() | ToolExec():
                return [*self._enter(TOOL_CALL, event.id), event]
            case BlockStart():
                return self._start(event.kind, None)
            case BlockEnd():
                return self.close()
            case _:
                return [event]

    def close(self) -> list[AgentEvent]:
        """The end of the open block, if there is one."""
        if self._open is None:
            return []
        end = BlockEnd(self._open.kind, self._open.idx)
        self._open = None
        return [end]

    def _enter(self, kind: str, tool_id: str | None) -> list[AgentEvent]:
        if self._open is not None and self._open.kind == kind and self._is_for(tool_id):
            return []
        return self._start(kind, tool_id)

    def _is_for(self, tool_id: str | None) -> bool:
        # A tool-call block that the agent opened itself is for the first call in it.
        if self._tool_id is None:
            self._tool_id = tool_id
        return self._tool_id == tool_id

    def _start(self, kind: str, tool_id: str | None) -> list[AgentEvent]:
        start = BlockStart(kind, self._next)
        events = [*self.close(), start]
        self._open, self._tool_id, self._next = start, tool_id, self._next + 1
        return events
