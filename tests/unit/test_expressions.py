"""Conditions: what they may say, what is refused and where, and that none can grow."""

import pytest

from hotupgrade_operator import expressions
from hotupgrade_operator.expressions import (
    MOST_CHARACTERS,
    Kind,
    Program,
    Unanswerable,
    Unreadable,
)

NUMBERS = {"result": Kind.NUMBER, "results": Kind.NUMBERS}
VALUES = {"result": 0.5, "results": [0.5, 2.0]}
INFINITY, NAN = float("inf"), float("nan")


def numeric(text: str) -> Program:
    return expressions.compile(text, NUMBERS)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("result < 1", True),
        ("result < 1.0", True),
        ("1 <= result", False),
        ("result == 0", False),
        ("result != 0 && result < 1", True),
        ("result * 100.0 > 49", True),
        ("(result - 1.0) / 2.0 < 0", True),
        ("-result < 0", True),
        ("result > 1 ? false : true", True),
        ("results.all(r, r > 0)", True),
        ("results.exists(r, r > 1)", True),
        ("results.exists_one(r, r > 1)", True),
        ("size(results) == 2 && results[1] > 1", True),
        ("results.size() == 2", True),
        ("result in results", True),
        ("double(results.size()) * result >= 1", True),
    ],
)
def test_numbers_are_compared_and_counted(text: str, answer: bool) -> None:
    assert numeric(text).evaluate(VALUES) is answer


@pytest.mark.parametrize(
    ("text", "value", "answer"),
    [
        ("result > 1e308", INFINITY, True),
        ("result < 1", -INFINITY, True),
        ("result < 1", NAN, False),
        ("result >= 1", NAN, False),
    ],
)
def test_infinity_and_what_is_no_number_are_compared_as_ieee_754_says(
    text: str, value: float, answer: bool
) -> None:
    assert numeric(text).evaluate({"result": value, "results": []}) is answer


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("result <", "line 1, column 9: Syntax error: mismatched input '<EOF>'"),
        ("\n  result <", "line 2, column 11: Syntax error"),
        ("reslt < 1", "column 1: undeclared reference to 'reslt'; the variables are result"),
        ("result * 100 > 5", "column 8: found no matching overload for '_*_'"),
        ("result * 100 > 5", "as in 100.0, the whole number is right"),
        ("result < 'a'", "no matching overload for '_<_' applied to '(double, string)'"),
        ("result", "it is DOUBLE, and a condition is right"),
        ("", "Syntax error"),
        ("result < 1; result", "column 11: Syntax error: token recognition error at: ';'"),
        ("now() > 1", "undeclared reference to 'now'"),
        ("'a'.matches('(a+)+')", "undeclared reference to 'matches'"),
        ("results + results == results", "+ of anything but numbers"),
        ("'a' + 'b' == 'ab'", "+ of anything but numbers"),
        ("results.map(r, r).size() > 1", "map, filter, and +"),
        ("dyn(results) == results", "undeclared reference to 'dyn'"),
        ("!(" * 40 + "result < 1" + ")" * 40, "recursion limit"),
        ("results.all(a, results.all(b, results.all(c, a < 1)))", "2 of all, exists"),
        (f"result < {'1' * MOST_CHARACTERS}", f"{MOST_CHARACTERS} at most"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_place(text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=r"^cannot read ") as caught:
        numeric(text)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("results[7] > 1", "cannot evaluate `results[7] > 1`: Index error: index=7 size=2"),
        ("1 / 0 == 1", "divide by zero"),
    ],
)
def test_what_has_no_answer_says_why(text: str, why: str) -> None:
    with pytest.raises(Unanswerable) as caught:
        numeric(text).evaluate(VALUES)
    assert why in str(caught.value)


def test_a_variable_without_a_value_is_no_answer() -> None:
    with pytest.raises(Unanswerable, match='No value with name "result"'):
        numeric("result < 1").evaluate({"results": [1.0, 2.0]})
    assert numeric("results.all(r, r < 3)").evaluate({"results": [1.0, 2.0]})


def test_the_most_that_may_be_written_ends_by_a_budget_and_not_by_the_clock() -> None:
    body = ",".join(["1.0"] * 50)
    long = f"[{body}].all(a, [{body}].all(b, a + b < 3))"
    assert len(long) <= MOST_CHARACTERS
    assert numeric(long).evaluate(VALUES)
    many = {"result": 0.5, "results": [1.0] * 1000}
    with pytest.raises(Unanswerable, match="Iteration budget exceeded"):
        numeric("results.all(a, results.all(b, a == b))").evaluate(many)


@pytest.mark.parametrize(
    ("text", "values", "answer"),
    [
        ("has(self.cidr) != has(self.podLabels)", {"self": {"cidr": "10.0.0.0/8"}}, True),
        ("(has(self.http) ? 1 : 0) + (has(self.oci) ? 1 : 0) == 1", {"self": {}}, False),
        ("self.metadata.name.size() <= 63", {"self": {"metadata": {"name": "web"}}}, True),
        ("self == oldSelf", {"self": {"a": [1]}, "oldSelf": {"a": [1]}}, True),
    ],
)
def test_the_crds_rules_can_be_evaluated_offline(
    text: str, values: dict[str, object], answer: bool
) -> None:
    variables = dict.fromkeys(values, Kind.ANY)
    assert expressions.compile(text, variables).evaluate(values) is answer


def test_a_text_is_compiled_once() -> None:
    assert numeric("result < 0.25") is numeric("result < 0.25")
