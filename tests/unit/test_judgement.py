"""What the samples of one measurement say of a metric."""

import pytest

from hotupgrade_api.resource import Metric
from hotupgrade_operator.judgement import Outcome, judge

INFINITY, NAN = float("inf"), float("nan")
PLAIN = Metric(name="errors", query="q", success="result < 0.05")
BOTH = Metric(name="errors", query="q", success="result < 0.05", failure="result > 0.5")
EACH = Metric(name="errors", query="q", success="results.all(r, r < 0.05)")
COMPARED = Metric(name="p99", query="q", success="result <= stable * 1.1", compare_with="stable")


@pytest.mark.parametrize(
    ("metric", "samples", "outcome"),
    [
        (PLAIN, (0.01,), Outcome.GOOD),
        (PLAIN, (0.05,), Outcome.BAD),
        (PLAIN, (INFINITY,), Outcome.BAD),
        (PLAIN, (-INFINITY,), Outcome.GOOD),
        (PLAIN, (), Outcome.UNCLEAR),
        (PLAIN, (NAN,), Outcome.UNCLEAR),
        (PLAIN, (NAN, NAN), Outcome.UNCLEAR),
        (PLAIN, (0.01, 0.02), Outcome.NO_ANSWER),
        (BOTH, (0.01,), Outcome.GOOD),
        (BOTH, (0.1,), Outcome.UNCLEAR),
        (BOTH, (0.6,), Outcome.BAD),
        (EACH, (0.01,), Outcome.GOOD),
        (EACH, (0.01, 0.02), Outcome.GOOD),
        (EACH, (0.01, NAN), Outcome.GOOD),
        (EACH, (0.01, 0.2), Outcome.BAD),
    ],
)
def test_samples_are_good_bad_or_neither(
    metric: Metric, samples: tuple[float, ...], outcome: Outcome
) -> None:
    assert judge(metric, samples).outcome is outcome


def test_what_is_both_failure_and_success_is_a_failure() -> None:
    both = Metric(name="m", query="q", success="result > 0", failure="result > 1")
    assert judge(both, (2.0,)).outcome is Outcome.BAD


@pytest.mark.parametrize(
    ("samples", "stable", "outcome"),
    [
        ((0.2,), (0.2,), Outcome.GOOD),
        ((0.3,), (0.2,), Outcome.BAD),
        ((0.3,), (), Outcome.NOTHING_TO_COMPARE),
        ((0.3,), (NAN,), Outcome.NOTHING_TO_COMPARE),
        ((), (0.2,), Outcome.UNCLEAR),
        ((0.2,), (0.2, 0.3), Outcome.NO_ANSWER),
    ],
)
def test_a_metric_is_compared_with_the_same_of_the_stable_revision(
    samples: tuple[float, ...], stable: tuple[float, ...], outcome: Outcome
) -> None:
    assert judge(COMPARED, samples, stable).outcome is outcome


def test_a_message_has_the_value_and_the_condition() -> None:
    judged = judge(PLAIN, (0.12,))
    assert judged.value == "0.12"
    assert judged.message == "it was 0.12, success is `result < 0.05`"
    assert judge(COMPARED, (0.3,), (0.2,)).value == "0.3 (stable: 0.2)"
    assert "`results` is the list" in judge(PLAIN, (1.0, 2.0)).message


def test_a_value_of_many_series_is_shortened() -> None:
    assert len(judge(EACH, tuple(float(n) for n in range(50))).value) == 60
