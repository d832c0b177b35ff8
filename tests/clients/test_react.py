"""Bond's React hook `useAgent`, with react-dom, in a page of jsdom."""

import json

from tests.clients.conftest import Witness
from tests.clients.programs import run_javascript
from tests.serving import Served


def test_b1_the_hook_shows_each_answer_once_and_the_session_goes_on(
    served: Served, witness: Witness
) -> None:
    ended = run_javascript(served, "use_agent.js", "My name is Alice.", "What's my name?")

    assert (ended.code, ended.stderr) == (0, "")
    page = json.loads(ended.stdout)
    assert page["messages"] == [
        ["user", "My name is Alice."],
        ["assistant", "Nice to meet you, Alice."],
        ["user", "What's my name?"],
        ["assistant", "Your name is Alice."],
    ]
    told = witness()
    assert [each["method"] for each in told["requests"]] == ["POST", "GET", "POST", "GET"]
    _, first, _, second = (each["path"] for each in told["requests"])
    assert first == second  # one session
    assert told["begun"] == ["My name is Alice.", "What's my name?"]


def test_the_page_shows_beginnings_of_the_answer_and_then_the_answer(served: Served) -> None:
    ended = run_javascript(served, "use_agent.js", "Hello!")

    answer = "You said: Hello! "
    shown = [text for text in json.loads(ended.stdout)["shown"] if text != "Hello!"]
    assert shown == sorted(shown, key=len)
    assert all(answer.startswith(text) for text in shown)
    assert shown[-1] == answer


def test_b3_the_hook_is_ready_again_after_a_failure(served: Served, witness: Witness) -> None:
    ended = run_javascript(served, "use_agent.js", "Fail.", "Hello!")

    assert (ended.code, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["messages"] == [
        ["user", "Fail."],
        ["assistant", "So far, so good. "],
        ["user", "Hello!"],
        ["assistant", "You said: Hello! "],
    ]
    assert witness()["begun"] == ["Fail.", "Hello!"]
