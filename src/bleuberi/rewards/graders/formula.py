"""`multi`'s `calculate_output`: arithmetic over the scores of named graders, parsed by a grammar and never run as code.

sum     = product { ("+" | "-") product }
product = sign { ("*" | "/") sign }
sign    = ("+" | "-") sign | power
power   = atom [ ("^" | "**") sign ]
atom    = number | name | name "(" sum { "," sum } ")" | "(" sum ")"
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bleuberi.errors import UserError

_TOKEN: Final = re.compile(
    r"\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\*\*|[-+*/^(),]))"
)
_LONGEST: Final = 2000  # characters
_MOST_PARTS: Final = 400  # names, numbers and signs: each sum in a row nests one level deeper
_DEEPEST: Final = 50

FUNCTIONS: Final[Mapping[str, Callable[..., float]]] = {
    "min": min, "max": max, "abs": abs, "floor": math.floor, "ceil": math.ceil, "exp": math.exp, "sqrt": math.sqrt,
    "log": math.log,
}  # fmt: skip
_MANY: Final = ("min", "max")
_OPERATIONS: Final[Mapping[str, Callable[..., float]]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "^": lambda a, b: math.pow(a, b),
}  # fmt: skip

Node = float | str | tuple["str", tuple["Node", ...]]  # a number, a name, an operation or function of nodes


class Formula:
    """A formula over the names of graders."""

    def __init__(self, text: str, names: Sequence[str]) -> None:
        """Errors: `UserError` for a formula that does not match the grammar, or that uses a grader that is not in
        `names`."""
        self.text = text
        parser = _Parser(text, frozenset(names))
        self._root = parser.whole()
        self.names = tuple(dict.fromkeys(parser.used))

    def value(self, scores: Mapping[str, float | None]) -> float | None:
        """The formula's number; None if a grader that it uses has no score, NaN if it is not a number (1 / 0)."""
        given = [scores[name] for name in self.names]
        if any(score is None for score in given):
            return None
        if not all(math.isfinite(score) for score in given if score is not None):
            return math.nan  # max(0, NaN) would be 0
        try:
            return float(_value(self._root, scores))
        except (ArithmeticError, ValueError):  # division by zero, an overflow, the logarithm of nothing
            return math.nan


def _value(node: Node, scores: Mapping[str, float | None]) -> float:
    if isinstance(node, str):
        found = scores[node]
        return math.nan if found is None else found
    if isinstance(node, float):
        return node
    name, parts = node
    function = _OPERATIONS.get(name) or FUNCTIONS[name]
    return function(*(_value(part, scores) for part in parts))


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.text, self.names = text, names
        self.used: list[str] = []
        self.depth = 0
        self.tokens: list[str] = []
        at = 0
        text = text.rstrip()
        if len(text) > _LONGEST:
            raise self.error(f"it is longer than {_LONGEST} characters")
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self.error(f"{text[at:].strip()[:20]!r} is not understood")
            self.tokens.append(found[0].strip())
            at = found.end()
        if len(self.tokens) > _MOST_PARTS:
            raise self.error(f"it has more than {_MOST_PARTS} parts")

    def error(self, reason: str) -> UserError:
        return UserError(
            f"The formula {self.text[:80]!r} cannot be read: {reason}.",
            f"Use the graders' names, numbers, + - * / ^ ( ) and {', '.join(FUNCTIONS)}.",
        )

    def whole(self) -> Node:
        node = self.sum()
        if self.tokens:
            raise self.error(f"{self.tokens[0]!r} is not expected there")
        return node

    def take(self, *wanted: str) -> str | None:
        """The next token if it is one of `wanted`."""
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else None

    def sum(self) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error("it is nested too deeply")
        node = self.product()
        while (operation := self.take("+", "-")) is not None:
            node = (operation, (node, self.product()))
        self.depth -= 1
        return node

    def product(self) -> Node:
        node = self.sign()
        while (operation := self.take("*", "/")) is not None:
            node = (operation, (node, self.sign()))
        return node

    def sign(self) -> Node:
        negative = False
        while (sign := self.take("+", "-")) is not None:
            negative ^= sign == "-"
        node = self.power()
        return ("-", (0.0, node)) if negative else node

    def power(self) -> Node:
        node = self.atom()
        if self.take("^", "**") is None:
            return node
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error("it is nested too deeply")
        node = ("^", (node, self.sign()))
        self.depth -= 1
        return node

    def atom(self) -> Node:
        if not self.tokens:
            raise self.error("it ends too early")
        token = self.tokens.pop(0)
        if token == "(":
            node = self.sum()
            if self.take(")") is None:
                raise self.error("a bracket is not closed")
            return node
        if token[0].isdigit() or token[0] == ".":
            return float(token)
        if token in FUNCTIONS and self.tokens[:1] == ["("]:
            return self.call(token)
        if token in self.names:
            self.used.append(token)
            return token
        raise self.error(f"{token!r} is neither a grader nor a function")

    def call(self, function: str) -> Node:
        self.take("(")
        parts = [self.sum()]
        while self.take(",") is not None:
            parts.append(self.sum())
        if self.take(")") is None:
            raise self.error("a bracket is not closed")
        if (len(parts) == 1) == (function in _MANY):
            raise self.error(f"{function} takes {'several numbers' if function in _MANY else 'one number'}")
        return (function, tuple(parts))
