"""As much of OpenJarvis as its agents need: the bus, and results. Its package brings the world."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class EventType(str, Enum):  # noqa: UP042 - as OpenJarvis has it
    INFERENCE_START = "inference_start"
    INFERENCE_END = "inference_end"
    TOOL_CALL_START = "tool_call_start"
    TOOL_CALL_END = "tool_call_end"
    AGENT_TURN_START = "agent_turn_start"
    AGENT_TURN_END = "agent_turn_end"


@dataclass(slots=True)
class Event:
    event_type: EventType
    timestamp: float
    data: dict[str, Any] = field(default_factory=dict[str, Any])


class EventBus:
    """Calls its subscribers in the thread that publishes; what they raise, it swallows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.subscribers: dict[EventType, list[Callable[[Event], None]]] = {}

    def subscribe(self, event_type: EventType, callback: Callable[[Event], None]) -> None:
        with self._lock:
            self.subscribers.setdefault(event_type, []).append(callback)

    def unsubscribe(self, event_type: EventType, callback: Callable[[Event], None]) -> None:
        with self._lock:
            self.subscribers[event_type].remove(callback)

    def publish(self, event_type: EventType, data: dict[str, Any]) -> None:
        with self._lock:
            listeners = list(self.subscribers.get(event_type, []))
        for callback in listeners:
            try:
                callback(Event(event_type, 0.0, data))
            except Exception as error:  # noqa: BLE001 - as the real one
                print("a subscriber failed", error)

    @property
    def is_quiet(self) -> bool:
        return not any(self.subscribers.values())


@dataclass(slots=True)
class ToolResult:
    tool_name: str
    content: str
    success: bool = True
    latency_seconds: float = 0.0


@dataclass(slots=True)
class AgentResult:
    content: str
    tool_results: list[ToolResult] = field(default_factory=list[ToolResult])
    turns: int = 0
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])


class Engine:
    """A model that must not be asked by anybody but its agent."""

    async def stream_full(self, *_: object, **__: object) -> Any:
        raise AssertionError("the agent has answered")
        yield ""


class Calculator:
    """An agent with one tool."""

    agent_id = "calculator"

    def __init__(self, bus: EventBus | None, model: str = "default") -> None:
        self._bus = bus
        self._model = model
        self._engine = Engine()

    def publish(self, kind: EventType, **data: Any) -> None:
        if self._bus is not None:
            self._bus.publish(kind, data)

    def run(self, text: str, context: Any = None, **_: Any) -> AgentResult:
        self.publish(EventType.AGENT_TURN_START, agent=self.agent_id, input=text)
        self.publish(EventType.INFERENCE_START, model=self._model, message_count=2)
        self.publish(
            EventType.TOOL_CALL_START, tool="calc", arguments={"x": 1}, agent=self.agent_id
        )
        self.publish(EventType.TOOL_CALL_END, tool="calc", success=True, latency=0.01, result="2")
        self.publish(EventType.AGENT_TURN_END, agent=self.agent_id)
        return AgentResult("The answer is 2", [ToolResult("calc", "2", latency_seconds=0.0125)])
