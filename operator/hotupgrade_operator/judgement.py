"""Pure: what one measurement says of a metric, by the metric's conditions `success` and `failure`.

In a condition `result` is the query's number, and `results` the list of them where it has several
series; with compareWith, `stable` and `stables` are the same of the stable revision.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from hotupgrade_api.resource import Metric
from hotupgrade_operator import expressions
from hotupgrade_operator.expressions import Kind, Unanswerable

MOST_CHARACTERS = 60
UPDATE = {"result": Kind.NUMBER, "results": Kind.NUMBERS}
STABLE = {"stable": Kind.NUMBER, "stables": Kind.NUMBERS}


class Outcome(Enum):
    GOOD = "good"
    BAD = "bad"
    UNCLEAR = "unclear"  # neither, or nothing to judge
    NO_ANSWER = "no answer"
    NOTHING_TO_COMPARE = "nothing to compare"  # no sample of the stable revision


@dataclass(frozen=True)
class Judgement:
    outcome: Outcome
    value: str = ""
    message: str = ""  # why it is not good


def variables(metric: Metric) -> dict[str, Kind]:
    return UPDATE | STABLE if metric.compare_with else UPDATE


def judge(
    metric: Metric, samples: tuple[float, ...], stable: tuple[float, ...] | None = None
) -> Judgement:
    """samples: one of each series. One that is no number (0/0: nothing happened) says nothing, as
    if it were not there. stable: with compareWith."""
    values: dict[str, object] = {}
    if not _put(values, "result", samples):
        return Judgement(Outcome.UNCLEAR, message="no samples")
    text = _text(samples)
    if metric.compare_with:
        if not _put(values, "stable", stable or ()):
            message = "no samples of the stable revision to compare with"
            return Judgement(Outcome.NOTHING_TO_COMPARE, text, message)
        text = f"{text} (stable: {_text(stable or ())})"
    try:
        outcome = _outcome(metric, values)
    except Unanswerable as error:
        many = len(samples) > 1 or len(stable or ()) > 1
        hint = "; of several series, `results` is the list" if many else ""
        return Judgement(Outcome.NO_ANSWER, text, f"{error}{hint}")
    if outcome is Outcome.GOOD:
        return Judgement(outcome, text)
    return Judgement(outcome, text, f"it was {text}, {_conditions(metric)}")


def _outcome(metric: Metric, values: Mapping[str, object]) -> Outcome:
    """failure first: what is both is no success."""
    names = variables(metric)
    if metric.failure and expressions.compile(metric.failure, names).evaluate(values):
        return Outcome.BAD
    if expressions.compile(metric.success, names).evaluate(values):
        return Outcome.GOOD
    return Outcome.UNCLEAR if metric.failure else Outcome.BAD


def _put(values: dict[str, object], name: str, samples: tuple[float, ...]) -> bool:
    numbers = [sample for sample in samples if not math.isnan(sample)]
    values[f"{name}s"] = numbers
    if len(samples) == 1 and numbers:
        values[name] = numbers[0]
    return bool(numbers)


def _text(samples: tuple[float, ...]) -> str:
    text = ", ".join(f"{sample:g}" for sample in samples)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."


def _conditions(metric: Metric) -> str:
    text = f"success is `{metric.success}`"
    return f"{text}, failure is `{metric.failure}`" if metric.failure else text
