import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
SKIPPED = {
    "test_skips.py": """
import pytest

def test_in_its_body():
    pytest.skip("no browser")

@pytest.mark.skip("no browser")
def test_by_a_mark():
    pass

@pytest.mark.xfail
def test_that_is_expected_to_fail():
    assert False
""",
    "test_skipped.py": "import pytest; pytest.skip('no browser', allow_module_level=True)",
}


def test_every_skip_is_a_failure_where_all_is_required(tmp_path: Path) -> None:
    outcome = run_the_skipped(tmp_path, REQUIRE_ALL="1")
    assert outcome.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 xfailed, 2 errors" in outcome.stdout
    assert outcome.stdout.count("REQUIRE_ALL=1 requires every test to run: Skipped: no b") == 3


def test_a_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    outcome = run_the_skipped(tmp_path, REQUIRE_ALL="")
    assert outcome.returncode == pytest.ExitCode.OK
    assert "3 skipped, 1 xfailed" in outcome.stdout


@pytest.mark.parametrize(
    ("environment", "examples"),
    [
        ({"HYPOTHESIS_PROFILE": "", "CI": ""}, 50),
        ({"HYPOTHESIS_PROFILE": "", "CI": "true"}, 300),
        ({"HYPOTHESIS_PROFILE": "thorough", "CI": "true"}, 20_000),
    ],
)
def test_the_environment_names_the_profile(environment: dict[str, str], examples: int) -> None:
    script = (
        f"import runpy, hypothesis; runpy.run_path({str(CONFTEST)!r});"
        "print(hypothesis.settings.default.max_examples)"
    )
    assert run(["-c", script], **environment).stdout.split() == [str(examples)]


def run_the_skipped(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    for name, source in {**SKIPPED, "conftest.py": CONFTEST.read_text()}.items():
        (directory / name).write_text(source)
    arguments = ["-m", "pytest", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    no_summary = "-rN"  # which where CI is set would tell every reason once more
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return run([*arguments, no_summary, f"--rootdir={directory}", str(directory)], **environment)


def run(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
