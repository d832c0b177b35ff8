"""Our own agent, and an echo, under real hosts: no finding that is the application's doing."""

import pytest

from sse_conformance import checks
from sse_conformance.drivers.ws import plans, ws
from sse_conformance.judge import judge
from sse_conformance.options import Options
from sse_conformance.transcript import Record
from tests.conformance.findings import findings
from tests.serving import HOSTS, serve

assert checks.__all__
AGENT = Options(
    profile="agent", origin="https://a.example", time_scale=0.5, budget=0.2, derandomize=True
)
HANDSHAKES = {"bad_handshake"}  # are refused by the host, before any application is asked
hosts = pytest.mark.parametrize("host", HOSTS)


def quick(options: Options) -> set[str]:
    slow = {"flood", "fragmented", "turns", "talk"}
    return {plan.__name__ for plan in plans(options)} - HANDSHAKES - slow


def judged(record: Record) -> set[str]:
    return {each.requirement.id for each in judge(record) if each.found == "holds"}


@hosts
def test_our_own_agent_does_what_is_asked_of_agents(host: str) -> None:
    with serve("tests.conformance.websocket.apps:agent", host) as served:
        record = ws(f"{served.ws_url}/ws", AGENT, only=quick(AGENT))
    assert findings(record) == {}
    assert judged(record) >= {"WS-01", "WS-06", "WS-09", "WS-12", "WS-13", "WS-15", "WS-17"}


@pytest.mark.thorough
@hosts
def test_and_all_the_rest(host: str) -> None:
    options = Options(profile="agent", origin="https://a.example", slow=True)
    every = {plan.__name__ for plan in plans(options)} - HANDSHAKES
    with serve("tests.conformance.websocket.apps:agent", host) as served:
        record = ws(f"{served.ws_url}/ws", options, only=every)
    assert findings(record) == {}


@pytest.mark.thorough
@hosts
def test_an_echo_is_not_blamed_for_what_it_does_not_promise(host: str) -> None:
    every = {plan.__name__ for plan in plans(Options())} - HANDSHAKES
    with serve("tests.conformance.websocket.apps:echo", host) as served:
        record = ws(f"{served.ws_url}/", Options(), only=every)
    assert findings(record) == {}
    assert judged(record) >= {"WS-07", "WS-16"}
