"""The suite as a pytest class, in a pytest of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sse_conformance.judge import judge
from sse_conformance.mutants.golden import Golden
from sse_conformance.options import Options
from sse_conformance.pytest_plugin import Target, emit, url
from sse_conformance.verdict import Verdict
from tests.serving import free_port

pytest_plugins = ["pytester"]

COMMON = "from sse_conformance.pytest_plugin import SSEConformance, asgi, emit, url\n"


@pytest.fixture
def stream() -> Iterator[str]:
    with Golden(events=2, interval=0.02).served() as url:
        yield f"{url}/stream"


@pytest.fixture
def plain(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    root = Path(__file__).parents[3]
    monkeypatch.setenv("PYTHONPATH", f"{root / 'conformance'}:{root}")
    return pytester


def test_each_requirement_is_a_test(plain: pytest.Pytester, stream: str) -> None:
    plain.makepyfile(
        f"{COMMON}from sse_conformance.options import Options\n"
        f"class TestStream(SSEConformance):\n"
        f"    target = url({stream!r})\n    options = Options(fast=True)\n"
    )
    outcomes = plain.runpytest_inprocess("-p", "no:cacheprovider").parseoutcomes()
    assert outcomes["passed"] > 30
    assert outcomes["skipped"] > 30  # of other modes
    assert "failed" not in outcomes


def test_a_fault_fails_its_test_and_a_baseline_expects_it(plain: pytest.Pytester) -> None:
    plain.makepyfile(
        f"{COMMON}"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] != 'http':\n"
        "        raise RuntimeError('HTTP only')\n"
        "    headers = [(b'content-type', b'text/event-stream'), (b'x', b'a\\nb')]\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': headers})\n"
        "    await send({'type': 'http.response.body', 'body': b'data: x\\n\\n'})\n"
        "class TestApp(SSEConformance):\n    target = asgi(app)\n"
        "class TestKnown(SSEConformance):\n    target = asgi(app)\n    baseline = 'b.toml'\n"
        "class TestStale(SSEConformance):\n    target = asgi(app)\n    baseline = 'stale.toml'\n"
        "class TestNothing(SSEConformance):\n    pass\n"
    )
    entry = '[[expect]]\nid = "{}"\nverdict = "fail"\nreason = "known"\n'
    plain.makefile(".toml", b=entry.format("HTTP-11"), stale=entry.format("HTTP-01"))
    only = "HTTP-01 or HTTP-04 or HTTP-11"
    result = plain.runpytest_inprocess("-k", only, "-rfEx", "-p", "no:cacheprovider")
    result.stdout.fnmatch_lines_random(
        [
            "*HTTP-11 Names and values of fields contain nothing that could forge others: *",
            "baseline: expected fail, found pass",
            "*TestNothing has no target*",
            "*ConformanceWarning: HTTP-04*no cache-control*",
        ]
    )
    assert result.parseoutcomes()["xfailed"] == 1


@pytest.mark.parametrize("kind", [url, emit])
def test_what_is_not_there_is_driven_too(kind: Callable[[str], Target]) -> None:
    record = kind(f"http://127.0.0.1:{free_port()}/emit")(Options(fast=True))
    assert {each.verdict for each in judge(record)} <= {Verdict.SKIP, Verdict.BLOCKED}


def test_a_url_is_enough(plain: pytest.Pytester, stream: str) -> None:
    arguments = ("-p", "sse_conformance.pytest_plugin", "--sse-url", stream, "-k", "HTTP-0")
    module = ("--pyargs", "sse_conformance.pytest_plugin", "-p", "no:cacheprovider")
    outcomes = plain.runpytest_subprocess(*arguments, *module).parseoutcomes()
    assert outcomes["passed"] > 5
    assert "failed" not in outcomes
    without = plain.runpytest_subprocess(*arguments[:2], *module)
    assert without.parseoutcomes() == {}
