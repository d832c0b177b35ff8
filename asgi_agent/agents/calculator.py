"""A calculator that is exact where arithmetic is, and that no expression can keep busy.

Python parses, and we evaluate the few nodes that we know: nothing is ever executed. All numbers
are fractions, so 0.1 + 0.2 is 0.3. Every size is checked before it costs time or memory.
"""

import ast
import math
import re
from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction

from ..errors import UsageError

MAX_LENGTH = 200  # characters of an expression
MAX_DEPTH = 100  # of its tree; a sum of a hundred terms is as deep
MAX_BITS = 3322  # of a number: a thousand decimal digits

# A number has its end where no letter follows (of "1if" the parser would warn), and an exponent
# of three digits: 1e999999999 is quickly written, but not quickly computed.
_TOKENS = re.compile(
    r"(?:[ ()+\-*/%]|[a-z][a-z0-9]*+|(?:\d++\.?+\d*+|\.\d++)(?:e[+-]?\d{1,3})?+(?![\w.]))*+"
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_SYMBOLS = str.maketrans({"×": "*", "÷": "/", "−": "-", "^": "**"})  # noqa: RUF001 - the signs


def calculate(expression: str) -> str:
    """The value of the expression: exact, or rounded to 15 significant digits.

    >>> calculate("12 * (3 + 4)")
    '84'
    >>> calculate("0.1 + 0.2 - sqrt(2)")
    '-1.1142135623731'

    Raises `UsageError`, with a message for a person, where there is no value.
    """
    if len(expression) > MAX_LENGTH:
        raise UsageError(f"an expression has at most {MAX_LENGTH} characters")
    source = _THOUSANDS.sub("", " ".join(expression.lower().translate(_SYMBOLS).split()))
    try:
        return as_text(_value(_parsed(source), source))
    except ZeroDivisionError as error:
        raise UsageError("nothing can be divided by zero") from error
    except OverflowError as error:  # a float has fewer digits still
        raise UsageError(_TOO_LARGE) from error


def as_text(value: Fraction) -> str:
    """The value in decimal digits: all of them if it is whole, else 15 significant ones.

    >>> as_text(Fraction(1, 3))
    '0.333333333333333'
    """
    if value.denominator == 1:
        return str(value.numerator)
    # Not by way of float: 10 ** -400 is not 0.
    quotient = Context(prec=15).divide(Decimal(value.numerator), Decimal(value.denominator))
    return format(quotient.normalize(), "f" if -5 <= quotient.adjusted() < 15 else "g")


def _parsed(source: str) -> ast.expr:
    if not source.isascii() or not _TOKENS.fullmatch(source):
        raise UsageError(_INCOMPLETE)
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, MemoryError) as error:  # MemoryError: nested too deep for the parser
        raise UsageError(_INCOMPLETE) from error


def _value(node: ast.AST, source: str, depth: int = 0) -> Fraction:
    if depth > MAX_DEPTH:
        raise UsageError(f"an expression is at most {MAX_DEPTH} operations deep")
    match node:
        case ast.Constant():  # the tokens are such that it is a number; as it is written: 0.1
            result = Fraction(source[node.col_offset : node.end_col_offset])
        case ast.Name(id=name) if name in _CONSTANTS:
            result = _CONSTANTS[name]
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            result = _value(operand, source, depth + 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            result = -_value(operand, source, depth + 1)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            operands = _value(left, source, depth + 1), _value(right, source, depth + 1)
            result = _OPERATORS[type(op)](*operands)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            result = _apply(name, _value(argument, source, depth + 1))
        case _:
            raise UsageError(f"I know numbers, + - * / // % **, parentheses and {_NAMES}")
    if _bits(result) > MAX_BITS:
        raise UsageError(_TOO_LARGE)
    return result


def _apply(name: str, argument: Fraction) -> Fraction:
    if name in _EXACT:
        return Fraction(_EXACT[name](argument))
    try:
        return Fraction(_ROUNDED[name](_as_float(argument)))
    except ValueError as error:
        raise UsageError(f"{name}({as_text(argument)}) is not a real number") from error


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator == 1:
        # A number of n bits is at least 2 ** (n - 1): so this refuses no result that is allowed.
        if (_bits(base) - 1) * abs(exponent.numerator) > MAX_BITS:
            raise UsageError(_TOO_LARGE)
        return base**exponent.numerator
    if base < 0:
        raise UsageError("a root of a negative number is not a real number")
    return Fraction(_as_float(base) ** _as_float(exponent))


def _as_float(value: Fraction) -> float:
    """The nearest float; `OverflowError` where that would be an infinity, or 0 and wrong."""
    nearest = float(value)
    if value and not nearest:
        raise OverflowError
    return nearest


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: lambda left, right: Fraction(left // right),
    ast.Mod: lambda left, right: left % right,
    ast.Pow: _power,
}
_EXACT: dict[str, Callable[[Fraction], Fraction | int]] = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "round": round,
}
_ROUNDED: dict[str, Callable[[float], float]] = {
    "cos": math.cos,
    "exp": math.exp,
    "ln": math.log,
    "log": math.log10,
    "sin": math.sin,
    "sqrt": math.sqrt,
    "tan": math.tan,
}
FUNCTIONS = (*_EXACT, *_ROUNDED)
_CONSTANTS = {"e": Fraction(math.e), "pi": Fraction(math.pi)}
_NAMES = ", ".join(sorted([*FUNCTIONS, *_CONSTANTS]))
_INCOMPLETE = "this is not an expression that I understand"
_TOO_LARGE = "a number has too many digits"
