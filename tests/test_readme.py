"""The README, read as a test: its Python runs, its targets and its options exist."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON = [block for block in FENCE.finditer(README) if block[1] == "python"]

# What a reader may type: the lines of the other blocks, and the `code` of the prose.
TYPED = [
    *re.findall(r"`([^`\n]+)`", FENCE.sub("", README)),
    *(
        line
        for block in FENCE.finditer(README)
        if block[1] != "python"
        for line in block[2].replace("\\\n", " ").split("\n")  # a shell joins these lines too
    ),
]

# Our commands as they are typed: after a prompt, variables and a path, or as a module.
PROGRAMS = ("asgi_agent", "sse_conformance")
CALL = re.compile(
    r"(?:\$ )?(?:\w+=\S* )*(?:\S*bin/)?"
    r"(?:python3? -m )?(asgi[-_]agent|sse[-_]conformance)(?: ([a-z-]+))?((?: .*)?)$"
)


@pytest.mark.parametrize(
    "block", PYTHON, ids=[f"line {README.count(chr(10), 0, block.start()) + 1}" for block in PYTHON]
)
def test_a_python_block_runs_alone(
    block: re.Match[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "readme.py"
    # Empty lines above it: a traceback then tells the README's own line.
    script.write_text("\n" * README.count("\n", 0, block.start(2)) + block[2], encoding="utf-8")
    runpy.run_path(str(script), run_name="readme")


def test_every_python_block_is_found() -> None:
    assert len(PYTHON) == README.count("```python") > 0


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {name for typed in TYPED for name in re.findall(r"\bmake ([a-z-]+)", typed)}
    assert named, "the README should say how to start with make"
    assert named <= targets


def test_every_command_and_option_exists() -> None:
    """`asgi-agent serve --port 80` names its command; a lone `--port` is an option of some."""
    found = [call for typed in TYPED if (call := CALL.match(typed))]
    calls = [((call[1].replace("-", "_"), call[2] or ""), call[3]) for call in found]
    assert {program for (program, _), _ in calls} == set(PROGRAMS)
    available = {command: options_in(help_of(*command)) for command, _ in calls}
    unknown = {(command, options_in(rest) - available[command]) for command, rest in calls}
    assert not any(options for _, options in unknown), unknown
    alone = {option for typed in TYPED if typed.startswith("--") for option in options_in(typed)}
    assert alone <= frozenset().union(*available.values())


def options_in(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


def help_of(program: str, command: str) -> str:
    arguments = ["-m", program, *filter(None, [command]), "--help"]
    finished = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(ROOT / "conformance")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout
