"""The public face: names that are loaded when they are used, and a stub that says the same."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import asgi_agent

ROOT = Path(__file__).parent.parent
STUB = ast.parse((ROOT / "asgi_agent" / "__init__.pyi").read_text(encoding="utf-8"))


def test_the_stub_takes_each_name_from_where_it_is_loaded() -> None:
    stated = {
        alias.name: node.module
        for node in STUB.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert stated == asgi_agent._HOME


def test_the_stub_lists_the_names_that_dir_lists() -> None:
    [assigned] = [node for node in STUB.body if isinstance(node, ast.Assign)]
    listed = ast.literal_eval(assigned.value)
    assert sorted(listed) == dir(asgi_agent) == asgi_agent.__all__


@pytest.mark.parametrize("name", dir(asgi_agent))
def test_each_name_is_the_thing_that_its_home_has(name: str) -> None:
    home = importlib.import_module(f"asgi_agent.{asgi_agent._HOME[name]}")
    assert getattr(asgi_agent, name) is getattr(home, name)


def test_everything_can_be_imported_at_once() -> None:
    names: dict[str, Any] = {}
    exec("from asgi_agent import *", names)
    assert set(asgi_agent.__all__) <= set(names)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'asgi_agent' has no attribute 'Agents'"):
        asgi_agent.Agents  # noqa: B018 - to ask is the test
    with pytest.raises(ImportError):
        exec("from asgi_agent import Agents", {})


def test_the_face_costs_nothing_until_a_name_is_used() -> None:
    script = "import sys, asgi_agent; print('pydantic' in sys.modules, 'asyncio' in sys.modules)"
    command = [sys.executable, "-c", script]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False", "False"]
