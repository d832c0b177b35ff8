"""What was seen is kept, and read again, to the byte."""

from dataclasses import replace
from pathlib import Path

import pytest

from sse_conformance.options import Options
from sse_conformance.transcript import (
    Call,
    Dialogue,
    Emitted,
    Exchange,
    Frame,
    Head,
    Item,
    Message,
    Observation,
    Piece,
    Reading,
    Record,
    Request,
    Scenario,
    Subject,
    Visit,
    changed,
    load,
)

REQUEST = Request(target="/x", fields=((b"Host", b"\xff"),), content=b"\0\xff")
HEAD = Head(at=0.1, status=200, http="1.1", fields=((b"X", b"1"), (b"Y", b"\xe9"), (b"x", b"2")))
EXCHANGE = Exchange(
    request=REQUEST,
    received=(Piece(0.1, b"HTTP/1.1 200\r\n"),),
    head=HEAD,
    body=(Piece(0.2, b"data: \xff"), Piece(0.3, b"\n\n")),
    end="complete",
    ended_at=0.4,
)
ITEMS: tuple[Item, ...] = (
    EXCHANGE,
    Emitted(script=({"data": "\ud800", "retry": 1}, {"flood": {"n": 1}}), exchange=EXCHANGE),
    Call(
        plan="plain",
        scope="http",
        messages=(Message(at=0.1, what="send", detail="{}", type="http.response.start"),),
        outcome="returned",
        ended_at=0.2,
        facts={"tasks": ["a"]},
        exchange=EXCHANGE,
    ),
    Dialogue(
        handshake=EXCHANGE,
        frames=(Frame(at=0.1, sent=True, opcode=1, payload=b"\xff", masked=True),),
        end="closed",
        ended_at=1.0,
    ),
    Reading(case="bom", cut="whole", expected=({"data": "\ud800"},), observed=()),
    Scenario(
        name="reconnect",
        visits=(Visit(at=0.1, request=REQUEST, status=200, end="left", ended_at=1.0),),
        heard=({"at": 0.1, "data": "a"},),
        ended_at=1.0,
    ),
    Observation(what="memory", facts={"before": 1.0}),
)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.kind)
def test_whatever_is_recorded_is_read_again(item: Item, tmp_path: Path) -> None:
    subject = Subject(target="http://x", mode="emit", options=Options(claims=frozenset({"c"})))
    record = Record(subject)
    record.add("a", item)
    record.add("b", item)
    record.save(tmp_path / "record.jsonl")
    again = load(tmp_path / "record.jsonl")
    assert again.subject == subject
    assert list(again) == list(record)


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b'{"record": 2}\n')
    with pytest.raises(ValueError, match="record"):
        load(tmp_path / "other")


def test_things_of_one_name_are_kept_in_their_order() -> None:
    record = Record(Subject(target="x", mode="check"))
    ends = [replace(EXCHANGE, ended_at=float(number)) for number in range(3)]
    for each in ends:
        record.add("get", each)
    assert record.all("get") == tuple(ends)
    assert record.all("other") == ()


def test_a_record_can_be_altered_and_stays_what_it_was() -> None:
    record = Record(Subject(target="x", mode="check"))
    record.add("get", EXCHANGE)
    record.add("head", EXCHANGE)
    other = replace(EXCHANGE, ended_at=9.0)
    copy = changed(record, "get", [other, other])
    assert copy.all("get") == (other, other)
    assert copy.all("head") == record.all("head") == record.all("get") == (EXCHANGE,)


def test_a_body_is_one_content_and_one_stream() -> None:
    assert EXCHANGE.content == b"data: \xff\n\n"
    assert [event.data for event in EXCHANGE.stream.events] == ["\ufffd"]


@pytest.mark.parametrize(("offset", "at"), [(0, 0.2), (6, 0.2), (7, 0.3), (8, 0.3), (9, 0.4)])
def test_each_byte_has_its_time(offset: int, at: float) -> None:
    assert EXCHANGE.arrival(offset) == at


def test_fields_are_found_in_any_spelling() -> None:
    assert HEAD.values("x") == ["1", "2"]
    assert HEAD.value("X") == "1, 2"
    assert HEAD.value("y") == "\xe9"
    assert HEAD.value("z") is None


def test_a_field_or_its_absence_is_evidence() -> None:
    assert HEAD.line("x") == "x: 1, 2"
    assert HEAD.line("z") == "no z"
