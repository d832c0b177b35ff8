"""The server of scenes, spoken to byte by byte."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from sse_conformance.scenes import FIRST, SECOND, Answer, Scene, stream
from sse_conformance.transcript import Request, Scenario
from sse_conformance.wire import playing, stage
from sse_conformance.wire.http1 import record
from sse_conformance.wire.place import ask
from sse_conformance.wire.playing import Run
from sse_conformance.wire.stage import Reply, Stage


def scene(*answers: Answer) -> Scene:
    return Scene(name="a scene", answers=answers, visits=1, events=0)


async def said(server: Stage, *pieces: bytes, until_closed: bool = True) -> bytes:
    """What the server answers to these bytes, until it closes, or for the first read."""
    port = int(server.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0)
    try:
        return await (reader.read() if until_closed else reader.read(65536))
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


def on_stage(work: Callable[[Stage, Run], Awaitable[None]], *answers: Answer) -> Scenario:
    """What has happened in a scene with these answers."""

    async def play() -> Scenario:
        async with Stage() as server:
            run = server.play(scene(*answers))
            run.may_begin.set()
            await work(server, run)
            await server.end(run)
            return run.scenario()

    return asyncio.run(play())


def get(run: Run, path: str = "/first") -> bytes:
    return f"GET /stream/{run.token}{path} HTTP/1.1\r\nHost: x\r\nX-Of: me\r\n\r\n".encode()


def test_a_visit_is_answered_by_the_script_and_recorded() -> None:
    async def work(server: Stage, run: Run) -> None:
        told = await said(server, get(run))
        head, _, body = told.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 \r\n")
        assert b"Content-Type: text/event-stream" in head
        assert b"Cache-Control: no-store" in head
        assert body == b"17\r\nretry: 50\ndata: first\n\n\r\n0\r\n\r\n"

    scenario = on_stage(work, FIRST)

    (visit,) = scenario.visits
    assert visit.request.target.endswith("/first")
    assert (b"X-Of", b"me") in visit.request.fields
    assert (visit.status, visit.end, len(visit.sent)) == (200, "complete", 1)
    assert 0 <= visit.at <= visit.ended_at <= scenario.ended_at


@pytest.mark.parametrize(
    ("answer", "head", "end"),
    [
        (Answer(status=204, type=None), b"HTTP/1.1 204 \r\nConnection: close\r\n", "complete"),
        (Answer(status=205), b"Content-Length: 0", "complete"),
        (Answer(status=301, type=None, elsewhere=True), b"/elsewhere\r\n", "complete"),
        (Answer(fields=(("Cache-Control", "max-age=1"),)), b"Cache-Control: max-age=1", "complete"),
        (Answer(status=None), b"reset", "reset"),
        (Answer(pieces=((0.0, b"data: a"),), end="closed"), b"7\r\ndata: a\r\n", "closed"),
        (Answer(pieces=((0.0, b"data: a"),), end="reset"), b"reset", "reset"),
    ],
)
def test_each_kind_of_answer(answer: Answer, head: bytes, end: str) -> None:
    async def work(server: Stage, run: Run) -> None:
        told = await said(server, get(run))
        assert head in told
        if answer.status == 204:
            assert b"Content-Length" not in told
        if end == "closed":
            assert not told.endswith(b"0\r\n\r\n")

    assert on_stage(work, answer).visits[0].end == end


def test_the_last_answer_is_for_all_that_come_after() -> None:
    async def work(server: Stage, run: Run) -> None:
        for data in (b"first", b"second", b"second"):
            assert data in await said(server, get(run))

    second = stream(b"data: second\n\n", end="complete")
    assert len(on_stage(work, FIRST, second).visits) == 3


def test_a_held_stream_is_let_go_when_the_scene_ends() -> None:
    async def work(server: Stage, run: Run) -> None:
        assert b"200" in await said(server, get(run), until_closed=False)
        await run.until(lambda: len(run.visits) == 1, 5)
        waiting = asyncio.ensure_future(said(server, get(run)))
        await run.until(lambda: run.begun == 2, 5)
        await server.end(run)
        await waiting
        server._runs[run.token] = run

    first, second = on_stage(work, SECOND).visits
    assert (first.end, second.end) == ("left", "timeout")


def test_a_client_that_resets_has_left() -> None:
    many = tuple((0.0, b"x" * 2**20) for _ in range(64))

    async def work(server: Stage, run: Run) -> None:
        await said(server, get(run), until_closed=False)  # it closes with much unread
        await run.until(lambda: len(run.visits) == 1, 5)

    (visit,) = on_stage(work, Answer(pieces=many)).visits
    assert visit.end == "left"
    assert len(visit.sent) < len(many)


def test_what_is_written_to_a_client_that_has_gone_is_no_error() -> None:
    async def work(server: Stage, run: Run) -> None:
        class Gone:
            def write(self, data: bytes) -> None:
                raise BrokenPipeError

        reader = asyncio.StreamReader()
        request = Request(target="/")
        await playing.attend(run, request, reader, Gone())

    assert on_stage(work, FIRST).visits[0].end == "left"


def test_a_scene_is_left_when_the_stage_is() -> None:
    async def play() -> Run:
        async with Stage() as server:
            run = server.play(scene(SECOND))
            waiting = asyncio.ensure_future(said(server, get(run)))
            await run.until(lambda: run.begun == 1, 5)
        await waiting
        return run

    run = asyncio.run(play())
    assert [visit.end for visit in run.visits] == ["timeout"]


def test_too_many_visits_are_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "MOST_VISITS", 2)

    async def work(server: Stage, run: Run) -> None:
        answers = [await said(server, get(run)) for _ in range(3)]
        assert answers[2] == b""

    assert len(on_stage(work, FIRST).visits) == 2


def test_a_stream_of_no_scene_is_not_found() -> None:
    async def work(server: Stage, run: Run) -> None:
        told = await said(server, b"GET /stream/x/first HTTP/1.0\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 404")

    assert on_stage(work, FIRST).visits == ()


def post(run: Run, number: str, content: bytes) -> bytes:
    head = f"POST /told/{run.token}/{number} HTTP/1.1\r\nHost: x\r\nContent-Length: "
    return head.encode() + f"{len(content)}\r\n\r\n".encode() + content


def test_what_is_told_is_kept_in_the_order_of_its_numbers() -> None:
    def message(data: str, **more: object) -> bytes:
        return json.dumps({"kind": "event", "event": {"data": data, **more}}).encode()

    async def work(server: Stage, run: Run) -> None:
        told = await said(
            server,
            post(run, "2", message("b", type="e", id="1"))
            + post(run, "1", message("a", type=None))
            + post(run, "3", b'{"kind": "comment", "comment": "c"}')
            + post(run, "5", b'{"kind": "error", "comment": "lost"}'),
            post(run, "x", b"{}").replace(b"Host", b"Connection: close\r\nHost"),
        )
        assert told.count(b"HTTP/1.1 202") == 4
        assert told.count(b"HTTP/1.1 400") == 1
        assert not run.is_gapless
        assert run.hear("4", b"[]")
        assert run.is_gapless
        assert not run.hear("6", b"{")
        assert not run.hear("7", b"[" * 100_000)
        assert run.events == run.heard[:2]

    told = [{**each, "at": 0.0} for each in on_stage(work, FIRST).heard]
    assert told == [
        {"at": 0.0, "event": "message", "data": "a", "id": ""},
        {"at": 0.0, "event": "e", "data": "b", "id": "1"},
        {"at": 0.0, "error": "lost"},
    ]


def test_not_more_is_kept_than_can_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "MOST_TOLD", 2)

    async def work(server: Stage, run: Run) -> None:
        for number in range(1, 5):
            assert run.hear(str(number), b'{"kind": "error", "error": "no"}')

    assert len(on_stage(work, FIRST).heard) == 2


def test_content_may_come_in_pieces_and_after_a_sign() -> None:
    async def work(server: Stage, run: Run) -> None:
        head, _, content = post(run, "1", b'{"kind": "error"}').partition(b"\r\n\r\n")
        port = int(server.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        for piece in (content[:5], content[5:]):
            writer.write(piece)
            await asyncio.sleep(0)
        assert b"HTTP/1.1 202" in await reader.read()
        writer.close()

    assert len(on_stage(work, FIRST).heard) == 1


def test_too_much_content_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "LARGEST", 10)

    async def work(server: Stage, run: Run) -> None:
        assert await said(server, post(run, "1", b'{"kind": "error"}')) == b""

    assert on_stage(work, FIRST).heard == ()


@pytest.mark.parametrize("junk", [b"\x16\x03\x01\x02\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_what_is_no_request_is_not_answered(junk: bytes) -> None:
    async def work(server: Stage, run: Run) -> None:
        assert await said(server, junk) == b""

    on_stage(work, FIRST)


def test_who_asks_for_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "IDLE", 0.05)

    async def work(server: Stage, run: Run) -> None:
        assert await said(server) == b""

    on_stage(work, FIRST)


def test_who_leaves_before_the_end_of_his_request_is_no_error() -> None:
    async def work(server: Stage, run: Run) -> None:
        port = int(server.url.rpartition(":")[2])
        for begin in (b"", post(run, "1", b"{}")[:-1]):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(begin)
            writer.close()
            await writer.wait_closed()

    on_stage(work, FIRST)


def test_other_pages_are_served_on_one_connection() -> None:
    async def pages(request: Request) -> Reply:
        return Reply(200, "text/plain", request.target.encode() + request.content)

    async def ask_twice() -> tuple[bytes, str]:
        async with Stage(pages) as server:
            told = await said(
                server,
                b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
                b"GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            )
            exchange = await asyncio.to_thread(record, f"{server.url}/c", ask(f"{server.url}/c"))
        return told, exchange.content.decode()

    told, third = asyncio.run(ask_twice())
    assert told.count(b"HTTP/1.1 200") == 2
    assert (b"/a" in told, b"/b" in told, third) == (True, True, "/c")
