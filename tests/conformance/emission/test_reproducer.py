"""A finding can be seen again, in three ways."""

import json
import subprocess

import pytest

from sse_conformance.mutants.encoders import ForgedById
from sse_conformance.mutants.golden import Golden
from sse_conformance.reproducer import curl_line, pytest_test, reproducer
from sse_conformance.script import request_for, text_of
from sse_conformance.transcript import Operation, Request

SCRIPT: tuple[Operation, ...] = ({"data": "it's \u2028 \ud800", "id": "x\ndata: forged"},)
TEXT = text_of(SCRIPT)


def test_it_is_json_a_command_and_a_test() -> None:
    request = request_for("http://localhost:1/emit", SCRIPT)
    told = reproducer("FRM-08", TEXT, request)
    assert told.split("\n\n", 1)[0] == TEXT
    assert curl_line(TEXT, request) in told
    assert pytest_test("FRM-08", TEXT, request) in told


def test_a_script_too_long_to_type_is_in_the_record() -> None:
    assert reproducer("FRM-12", "x" * 5000, Request(target="/")) == (
        "a script of 5000 characters: see the record"
    )


def test_the_test_is_a_program_that_tells_good_from_bad() -> None:
    for server, is_sound in ((Golden(), True), (ForgedById(), False)):
        with server.served() as url:
            for form in ("POST", "GET"):
                script: tuple[Operation, ...] = ({"data": "a", "id": "x\ndata: forged"},)
                request = request_for(f"{url}/emit?k=v", script, form=form)
                names: dict[str, object] = {}
                exec(pytest_test("FRM-08", text_of(script), request), names)
                test = names["test_frm_08"]
                assert callable(test)
                if is_sound:
                    test()
                else:
                    with pytest.raises(AssertionError, match="a line that a text has forged"):
                        test()


@pytest.mark.parametrize("form", ["POST", "GET"])
def test_the_command_sends_the_same_script(form: str) -> None:
    """The shell's words are what a POST would carry, or the URL that a GET has."""
    request = request_for(
        "http://localhost:1/emit", SCRIPT, form="GET" if form == "GET" else "POST"
    )
    line = curl_line(TEXT, request).replace("curl", "printf '%s\\n'", 1)
    words = subprocess.run(["bash", "-c", line], capture_output=True, check=True, text=True)
    *_, before, last = words.stdout.splitlines()
    assert last == f"http://localhost:1{request.target}"
    assert form == "GET" or json.loads(before) == json.loads(request.content)


def test_where_there_was_no_host_or_a_secure_one_it_is_guessed() -> None:
    assert curl_line("", Request(target="/x?script=a")) == "curl -N 'http://localhost/x?script=a'"
    secure = Request(target="/x", fields=((b"host", b"a.example:443"),))
    assert curl_line("", secure) == "curl -N https://a.example:443/x"
