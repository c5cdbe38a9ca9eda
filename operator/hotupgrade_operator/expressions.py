"""Pure: CEL conditions, compiled once, and evaluated in bounded time and memory.

The library (cel-expr-python, of the CEL project) checks types before anything runs, stops a parse
at 32 levels and an evaluation at 10,000 iterations. Where every variable is a number or a list of
them, the language is cut down to numbers: whoever may write a HotUpgrade writes such texts, and the
operator runs them, so nothing is left there that builds a value larger than the text.

https://github.com/google/cel-spec/blob/master/doc/langdef.md
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from cel_expr_python import cel

MOST_CHARACTERS = 500
MOST_MACROS = 2  # nested ones multiply
MACRO = re.compile(r"\b(?:all|exists|exists_one|map|filter)\b")
POSITION = re.compile(r"<input>:(-?\d+):(-?\d+): ([^\n]*)")


class Kind(Enum):
    """Of a variable."""

    NUMBER = "number"
    NUMBERS = "list of numbers"
    ANY = "any"  # known when it is evaluated: for texts that are trusted, such as the CRD's rules


class Unreadable(Exception):
    """The text is no condition: the message says where, and why."""


class Unanswerable(Exception):
    """The condition is neither true nor false of these values: the message says why."""


@dataclass(frozen=True)
class Program:
    text: str
    _compiled: Any

    def evaluate(self, values: Mapping[str, object]) -> bool:
        """values: numbers as float. Raises Unanswerable, also where a variable that is needed has
        no value."""
        try:
            answer = self._compiled.eval(data=dict(values))
        except RuntimeError as error:
            raise Unanswerable(f"cannot evaluate `{self.text}`: {_plain(str(error))}") from error
        if answer.type() == cel.Type.BOOL:
            return bool(answer.value())
        found = f"it is {answer.type().name()}, and a condition is right"
        why = _plain(str(answer.value())) if answer.type() == cel.Type.ERROR else found
        raise Unanswerable(f"cannot evaluate `{self.text}`: {why}")


def compile(text: str, variables: Mapping[str, Kind]) -> Program:
    """Raises Unreadable. The same text is compiled once."""
    return _compile(text, tuple(sorted(variables.items(), key=lambda item: item[0])))


@lru_cache(maxsize=1024)
def _compile(text: str, variables: tuple[tuple[str, Kind], ...]) -> Program:
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"cannot read it: {len(text)} characters, {MOST_CHARACTERS} at most")
    if len(MACRO.findall(text)) > MOST_MACROS:
        raise Unreadable(f"cannot read `{text}`: {MOST_MACROS} of all, exists, exists_one at most")
    try:
        compiled = _language(variables).compile(text)
    except RuntimeError as error:
        names = ", ".join(name for name, _ in variables)
        raise Unreadable(f"cannot read `{text}`: {_where(str(error), names)}") from error
    kind = compiled.return_type()
    if kind not in (cel.Type.BOOL, cel.Type.DYN):
        raise Unreadable(f"cannot read `{text}`: it is {kind.name()}, and a condition is right")
    return Program(text, compiled)


@lru_cache(maxsize=16)
def _language(variables: tuple[tuple[str, Kind], ...]) -> Any:
    types = {
        Kind.NUMBER: cel.Type.DOUBLE,
        Kind.NUMBERS: cel.Type.List(cel.Type.DOUBLE),
        Kind.ANY: cel.Type.DYN,
    }
    declared = {name: types[kind] for name, kind in variables}
    if any(kind is Kind.ANY for _, kind in variables):
        return cel.NewEnv(variables=declared)
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(_NUMBERS_ONLY), variables=declared)


def _where(error: str, names: str) -> str:
    """The first complaint: what follows is mostly its echo."""
    found = POSITION.search(error)
    if found is None:
        return _plain(error)
    line, column, why = found[1], found[2], found[3]
    if "_+_" in why and ("list(" in why or "string" in why):
        why = "map, filter, and + of anything but numbers are not there"
    elif why.startswith("undeclared reference"):
        why = f"{why.partition(' (in container')[0]}; the variables are {names}"
    elif "(double, int)" in why or "(int, double)" in why:
        why = f"{why}; with a decimal point, as in 100.0, the whole number is right"
    else:
        why = why.partition(" expecting {")[0]
    return why if line.startswith("-") else f"line {line}, column {column}: {why}"


def _plain(error: str) -> str:
    """Without the library's codes."""
    first = error.splitlines()[0] if error else ""
    return re.sub(r"^[A-Z_]+: | \[[A-Z_]+\]$", "", first)


def _functions(names: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    lines = []
    for name, overloads in names:
        lines.append(f'  - name: "{name}"')
        if overloads:
            lines.append("    overloads:")
            lines += [f"    - id: {overload}" for overload in overloads]
    return "\n".join(lines)


def _comparison(name: str, overload: str, kinds: Iterable[tuple[str, str, str]]) -> str:
    lines = [f'- name: "{name}"', "  overloads:"]
    for suffix, left, right in kinds:
        lines += [
            f"  - id: {overload}{suffix}",
            f"    args: [{{type_name: {left}}}, {{type_name: {right}}}]",
            "    return: {type_name: bool}",
        ]
    return "\n".join(lines)


_KEPT = (
    *((name, ()) for name in ("_&&_", "_||_", "!_", "_?_:_", "@not_strictly_false")),
    ("_[_]", ("index_list",)),
    ("size", ("size_list", "list_size")),
    ("@in", ("in_list",)),
    ("_+_", ("add_double", "add_int64")),
    ("_-_", ("subtract_double", "subtract_int64")),
    ("_*_", ("multiply_double", "multiply_int64")),
    ("_/_", ("divide_double", "divide_int64")),
    ("-_", ("negate_double", "negate_int64")),
    ("double", ("int64_to_double",)),
)
# CEL's own checker takes `result < 1` for a mistake, as 1 is an int: the evaluation does not.
_ORDERED = (
    ("_double", "double", "double"),
    ("_int64", "int", "int"),
    ("_double_int64", "double", "int"),
    ("_int64_double", "int", "double"),
)
_ORDERS = {"_<_": "less", "_<=_": "less_equals", "_>_": "greater", "_>=_": "greater_equals"}
_EQUALITIES = {"_==_": "equals", "_!=_": "not_equals"}
_NUMBERS_ONLY = "\n".join(
    [
        "stdlib:",
        "  include_functions:",
        _functions(_KEPT),
        "functions:",
        *(_comparison(name, overload, _ORDERED) for name, overload in _ORDERS.items()),
        *(_comparison(name, over, [("", "dyn", "dyn")]) for name, over in _EQUALITIES.items()),
    ]
)
