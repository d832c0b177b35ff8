"""What all encoders of responses have from their base."""

import pytest

from asgi_agent.dialects.encoder import PartsEncoder
from asgi_agent.dialects.exchange import Frame, Place
from asgi_agent.dialects.parts import Closed, Opened, Part
from asgi_agent.events import Text, Thinking, ToolDelta
from tests.dialects.speech import entries


class Names(PartsEncoder):
    """Tells the names of the parts, and notes those that were told before."""

    def __init__(self) -> None:
        super().__init__()
        self.earlier: list[Part] = []

    def tell(self, part: Part) -> list[Frame]:
        return [Frame(type(part).__name__)]

    def skipped(self, part: Part) -> None:
        self.earlier.append(part)


class Mute(PartsEncoder):
    """Has nothing of its own but how parts are told."""

    def tell(self, part: Part) -> list[Frame]:
        return []


def test_a_response_tells_each_part() -> None:
    encoder = Names()
    assert encoder.begin(Place("s", 1, "r")) == []
    frames = encoder.encode(entries(Thinking("hm"), Text("a")))
    assert [frame.data for frame in frames] == ["Opened", "Delta", "Closed", "Opened", "Delta"]


def test_what_an_earlier_response_has_told_is_known_and_not_told() -> None:
    encoder = Names()
    speech = entries(Text("a"), ToolDelta("1", "a", "{"), Text("b"))
    encoder.skip(speech[:2])
    assert encoder.earlier[0] == Opened("text", 1)
    assert encoder.earlier[2] == Closed("text", 1, "a")
    assert [type(part).__name__ for part in encoder.earlier[-1:]] == ["CallDropped"]
    assert [frame.data for frame in encoder.encode(speech[2:])] == ["Opened", "Delta"]


def test_a_dialect_that_says_nothing_else_refuses_nothing_and_never_pauses() -> None:
    encoder = Mute()
    encoder.skip(entries(Text("a")))
    assert encoder.refused() == []
    assert encoder.pause() is None
    assert encoder.headers == ()
    assert encoder.whole() == (204, None)


def test_a_dialect_that_does_not_say_how_parts_are_told_is_not_even_made() -> None:
    with pytest.raises(TypeError, match=r"abstract method '?tell"):
        type("Forgetful", (PartsEncoder,), {})()
