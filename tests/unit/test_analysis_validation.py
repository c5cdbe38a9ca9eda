"""What is wrong with an analysis: what, where, and what would be right."""

import pytest

from hotupgrade_api.resource import (
    Analysis,
    AnalysisProvider,
    Metric,
    Pause,
    Prometheus,
    Step,
    StepAnalysis,
    Strategy,
)
from hotupgrade_operator.allowed_hosts import ANY, AllowedHosts
from hotupgrade_operator.validation import invalid, not_implemented
from tests.unit.world import GOOD, spec

ERRORS = Metric(name="errors", query='up{pod=~"$(pods)"}', success="result < 0.1")


def analysis(*metrics: Metric, address: str = "http://p:9090") -> Analysis:
    provider = AnalysisProvider(prometheus=Prometheus(address=address))
    return Analysis(provider=provider, metrics=list(metrics))


def metric(**fields: str) -> Metric:
    whole = {"name": "errors", "query": "up", "success": "result < 1", **fields}
    return Metric(**whole)  # type: ignore[arg-type]


def measure(*names: str) -> Step:
    return Step(analysis=StepAnalysis(metrics=list(names)))


def test_a_sound_one_is_accepted() -> None:
    steps = [Step(set_pods=1), measure("errors"), Step(set_weight=50), measure("errors")]
    good = spec(GOOD, analysis=analysis(ERRORS), strategy=Strategy(steps=steps))
    assert invalid(good) == ""
    assert not_implemented(good) == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (analysis(ERRORS, ERRORS), "metrics[1].name is 'errors' as another's is"),
        (analysis(metric(query="up{a='$(pod)'}")), "metrics[0].query has $(pod); $(namespace), $("),
        (
            analysis(metric(success="result <")),
            "metrics[0].success: cannot read",
        ),
        (analysis(ERRORS, metric(name="b", failure="x > 1")), "metrics[1].failure: cannot read"),
        (analysis(metric(success="result < stable")), "undeclared reference to 'stable'"),
        (analysis(metric(success="result * 2")), "found no matching overload"),
        (analysis(ERRORS, address="http://169.254.169.254"), "prometheus.address: 169.254.169.254"),
        (
            analysis(ERRORS, address="http://localhost@evil"),
            "address: a URL with a user",
        ),
    ],
)
def test_what_is_wrong_with_a_metric_or_its_server_is_said(wrong: Analysis, why: str) -> None:
    assert why in invalid(spec(GOOD, analysis=wrong))


def test_comparing_with_stable_makes_its_numbers_known() -> None:
    compared = metric(success="result < stable * 1.1", compare_with="stable")
    assert invalid(spec(GOOD, analysis=analysis(compared))) == ""


def test_a_server_that_the_setting_does_not_name_is_refused() -> None:
    whole = spec(GOOD, analysis=analysis(ERRORS))
    assert invalid(whole, ANY) == ""
    assert "p:9090 is not among the hosts" in invalid(whole, AllowedHosts.parse("q:9090"))


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([Step(set_pods=1), measure("latency")], "steps[1].analysis.metrics has 'latency'"),
        ([Step(set_pods=1), measure()], "steps[1].analysis.metrics is empty; one of ['errors']"),
        ([measure("errors")], "steps[0].analysis comes before any pod is upgraded"),
        ([Step(pause=Pause()), Step(set_weight=0), measure("errors")], "steps[2].analysis comes"),
    ],
)
def test_what_is_wrong_with_a_step_is_said(steps: list[Step], why: str) -> None:
    wrong = spec(GOOD, analysis=analysis(ERRORS), strategy=Strategy(steps=steps))
    assert why in invalid(wrong)


def test_a_step_needs_an_analysis_to_name_metrics_of() -> None:
    steps = [Step(set_pods=1), measure("errors")]
    assert "there is no spec.analysis" in invalid(spec(GOOD, strategy=Strategy(steps=steps)))
