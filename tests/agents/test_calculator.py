"""The calculator: exact, and never busy for long."""

import contextlib
import re
import time
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.agents.calculator import MAX_LENGTH, as_text, calculate
from asgi_agent.errors import UsageError

NUMBERS = st.integers(0, 999).map(str)
TERMS = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner).map(" ".join),
        st.tuples(st.sampled_from("+-"), inner).map("".join),
        st.tuples(inner, st.integers(-3, 3)).map(lambda power: f"({power[0]}) ** {power[1]}"),
        inner.map("({})".format),
    ),
    max_leaves=12,
).filter(lambda text: len(text) <= MAX_LENGTH and text.count("**") <= 2)


def python_says(expression: str) -> str | None:
    """What Python computes from the same text, with fractions for its numbers."""
    exact = re.sub(r"\d+", r"Fraction(\g<0>)", expression)
    try:
        return as_text(Fraction(eval(exact)))
    except ZeroDivisionError:
        return None


@given(TERMS)
@example("12 * (3 + 4)")
@example("2 - 3 - 4")
@example("2 ** 3 ** 2")
@example("-2 ** 2")
@example("(-2) ** 2")
@example("2 ** -1")
@example("-7 // 2")
@example("-7 % 3")
@example("7 % -3")
@example("1 / 3 * 3")
@example("0 ** 0")
@example("0 ** -1")
@example("5 % 0")
@example("5 // 0")
def test_it_computes_what_python_computes_with_fractions(expression: str) -> None:
    expected = python_says(expression)
    if expected is None:
        with pytest.raises(UsageError, match="divided by zero"):
            calculate(expression)
    else:
        assert calculate(expression) == expected


@given(st.integers(), st.integers())
@example(10**80, -1)
def test_whole_numbers_keep_all_their_digits(left: int, right: int) -> None:
    assert calculate(f"{left} * ({right})") == str(left * right)


@given(st.decimals(0, 10**6, places=3), st.decimals(0, 10**6, places=3))
def test_decimal_fractions_are_exact(left: object, right: object) -> None:
    assert calculate(f"{left} + {right}") == as_text(Fraction(str(left)) + Fraction(str(right)))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.1 + 0.2", "0.3"),
        ("1 / 3", "0.333333333333333"),
        ("1e20 / 3", "3.33333333333333e+19"),
        ("300 / 3.0", "100"),
        ("100 + 10 ** -30", "100"),
        ("10 ** -400", "1e-400"),
        ("abs(-10 ** -400)", "1e-400"),
        ("0.0001", "0.0001"),
        ("0.0000001", "1e-7"),
        (".5 + 1.", "1.5"),
        ("2.5e-1", "0.25"),
        ("1,234,567 + 1", "1234568"),
        ("2^10", "1024"),
        ("6 × 7 ÷ 2 − 1", "20"),  # noqa: RUF001 - the signs
        ("sqrt(16)", "4"),
        ("SQRT(2) ** 2", "2"),
        ("4 ** 0.5", "2"),
        ("round(2.5)", "2"),
        ("floor(-0.5) + ceil(0.5)", "0"),
        ("abs(-1/2)", "0.5"),
        ("ln(e)", "1"),
        ("log(1000)", "3"),
        ("exp(0) + sin(0) + tan(0)", "1"),
        ("cos(pi)", "-1"),
        ("\t1\n+\u20031 ", "2"),
        ("1 ** 99999999999999", "1"),
        ("(-1) ** 99999999999999", "-1"),
        ("0 ** 99999999999999", "0"),
        ("+".join(["1"] * 100), "100"),
        ("(" * 40 + "1" + ")" * 40, "1"),
    ],
)
def test_an_expression_has_this_value(expression: str, value: str) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        "",
        " ",
        "(",
        "1 +",
        "* 2",
        "1 2",
        "1,2",
        "007",
        "1if 2else 3",
        "1j",
        "0x10",
        "'a'",
        "a.b",
        "…",
    ],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(UsageError, match="not an expression"):
        calculate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "x",
        "x(1)",
        "abs",
        "sqrt()",
        "abs(*pi)",
        "2(3)",
        "not 1",
        "1 is 1",
        "lambda",
        "(1 if 1 else 2)",
        "().e",
        "exit()",
        "abs(1)(2)",
        "(yield)",
        "1 and 2",
        "(x for x in x)",
    ],
)
def test_what_is_no_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(UsageError, match=r"I know numbers|not an expression"):
        calculate(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "9 ** 9 ** 9",
        "9 ** -9 ** 9",
        "2 ** 3400",
        "0.5 ** 99999",
        "1e999 * 1e999",
        "exp(710)",
        "(10 ** 900) ** 0.5",
        "999e999",
        "10 ** 999 ** 99",
        "sqrt(10 ** -400)",
        "(10 ** -400) ** 0.5",
        "2 ** 1e999",
    ],
)
def test_a_number_that_is_too_large_or_too_close_to_zero_is_refused(expression: str) -> None:
    with pytest.raises(UsageError, match="too many digits"):
        calculate(expression)


@pytest.mark.parametrize("expression", ["1e1000", "1e999999999", "0e999999999", "1e-999999999"])
def test_a_long_exponent_is_refused_before_it_is_computed(expression: str) -> None:
    with pytest.raises(UsageError, match="not an expression"):
        calculate(expression)


def test_what_is_no_real_number_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^sqrt\(-1\) is not a real number$"):
        calculate("sqrt(0 - 1)")
    with pytest.raises(UsageError, match=r"^ln\(0\) is not a real number$"):
        calculate("ln(0)")
    with pytest.raises(UsageError, match="a root of a negative number"):
        calculate("(-8) ** (1 / 3)")


def test_an_expression_is_neither_long_nor_deep() -> None:
    with pytest.raises(UsageError, match="at most 200 characters"):
        calculate("1" * 201)
    with pytest.raises(UsageError, match="at most 100 operations deep"):
        calculate("-" * 150 + "1")


def test_what_is_too_deep_for_the_parser_is_refused() -> None:
    """Its stack differs from one Python to the next: there is a value or a refusal, no more."""
    with contextlib.suppress(UsageError):
        assert calculate("(" * 99 + "1" + ")" * 99) == "1"


@given(st.text("0123456789.+-*/%() eE^,abcdefilnopqrstx'=:[]{}\\\n", max_size=MAX_LENGTH))
@example("9" * 199 + "!")  # no pattern may look at it twice
@example("9*" * 99 + "9")
@example("exp(" * 40 + "1" + ")" * 40)
@example("2**" * 60 + "2")
@example("not " * 49 + "1")
@example("lambda:" * 28 + "1")
def test_any_text_has_a_value_or_is_refused_at_once(text: str) -> None:
    begin = time.process_time()
    with contextlib.suppress(UsageError):
        assert len(calculate(text)) <= 1002
    assert time.process_time() - begin < 1
