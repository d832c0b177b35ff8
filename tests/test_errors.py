"""The tree of exceptions: what its docstring draws is what there is, and what clients are told."""

import inspect
import re

import pytest

from asgi_agent import errors
from asgi_agent.errors import (
    AgentError,
    AsgiAgentError,
    BadRequest,
    InvalidInput,
    TooManyRuns,
)

CLASSES = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, AsgiAgentError)
]


def drawn() -> dict[str, str | None]:
    """Each name in the docstring's drawing, and the name that it hangs under."""
    parents: list[str] = []
    tree: dict[str, str | None] = {}
    for line in (errors.__doc__ or "").split("\n"):
        if match := re.match(r"([│├└─ ]*)([A-Z][A-Za-z]+)(?:\s{2,}|$)", line):
            depth = len(match[1]) // 4
            tree[match[2]] = parents[depth - 1] if depth else None
            parents[depth:] = [match[2]]
    return tree


def test_the_drawing_shows_every_exception_under_its_parent() -> None:
    expected = {
        each.__name__: None if each is AsgiAgentError else each.__bases__[0].__name__
        for each in CLASSES
    }
    assert drawn() == expected


def test_the_drawing_states_the_status_that_each_bad_request_has() -> None:
    stated = dict(re.findall(r"── ([A-Za-z]+) +(\d{3})", errors.__doc__ or ""))
    actual = {each.__name__: str(each.status) for each in CLASSES if issubclass(each, BadRequest)}
    assert stated == {name: status for name, status in actual.items() if name != "BadRequest"}


@pytest.mark.parametrize("name", ["InvalidField", "UsageError"])
def test_what_the_caller_did_wrong_is_a_value_error_too(name: str) -> None:
    assert issubclass(getattr(errors, name), ValueError)


def test_invalid_input_names_each_field_at_fault_once() -> None:
    problems = [{"loc": ("a", 0), "msg": "is wrong"}, {"loc": (), "msg": "is missing"}]
    error = InvalidInput(problems)
    assert str(error) == "Invalid request: a.0: is wrong; is missing"
    assert error.problems == problems


def test_invalid_input_with_a_thousand_problems_has_a_short_message_and_all_of_them() -> None:
    error = InvalidInput([{"loc": (index,), "msg": "no"} for index in range(1000)])
    assert str(error) == "Invalid request: 0: no; 1: no; 2: no; 3: no; 4: no"
    assert len(error.problems) == 1000


def test_a_full_server_says_when_to_come_again() -> None:
    assert TooManyRuns("full").retry_after == 1
    assert TooManyRuns("going down", retry_after=5).retry_after == 5


def test_an_agent_error_has_a_message_and_a_code_for_the_client() -> None:
    assert (str(AgentError("No such city.")), AgentError("x").code) == (
        "No such city.",
        "agent_error",
    )
    assert AgentError("x", "no_city").code == "no_city"
