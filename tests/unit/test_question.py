"""The text that Prometheus is asked."""

from datetime import timedelta

from hotupgrade_api.resource import Analysis, AnalysisProvider, Metric, Prometheus
from hotupgrade_operator.analysis import started
from hotupgrade_operator.instant import written
from hotupgrade_operator.question import Subject, questions, substituted, unknown
from tests.unit.world import NOW

UPDATE = Subject("shop", "abc", ("web-1.a", "web-0"))
STABLE = Subject("shop", "image", ())


def test_variables_stand_for_the_pods_that_serve_the_revision() -> None:
    text = 'up{namespace="$(namespace)", pod=~"$(pods)", revision="$(revision)"}'
    asked = 'up{namespace="shop", pod=~"web-0|web-1[.]a", revision="abc"}'
    assert substituted(text, UPDATE) == asked


def test_no_pod_is_matched_where_there_is_none() -> None:
    assert substituted('up{pod=~"$(pods)"}', STABLE) == 'up{pod=~"-"}'


def test_a_large_fleet_is_asked_in_part() -> None:
    many = Subject("shop", "abc", tuple(f"web-{n:05}" for n in range(5000)))
    assert substituted("$(pods)", many).count("|") == 999


def test_variables_that_there_are_none_of_are_found() -> None:
    assert unknown("a{b='$(podz)', c='$(pods)', d=~'x$'}") == ["podz"]


def test_what_is_due_is_asked_and_the_stable_revision_where_it_is_compared() -> None:
    wanted = Analysis(
        provider=AnalysisProvider(prometheus=Prometheus(address="http://p:9090")),
        metrics=[
            Metric(name="a", query="a{$(revision)}", success="result < 1", interval_seconds=10),
            Metric(name="b", query="b", success="result < 1", interval_seconds=60),
            Metric(
                name="c",
                query="c{$(revision)}",
                success="result < stable",
                interval_seconds=10,
                compare_with="stable",
            ),
        ],
    )
    statuses = [started(metric.name, written(NOW)) for metric in wanted.metrics]
    asked = questions(wanted, statuses, UPDATE, STABLE, NOW + timedelta(seconds=10))
    assert [(q.metric.name, q.query, q.stable_query) for q in asked] == [
        ("a", "a{abc}", ""),
        ("c", "c{abc}", "c{image}"),
    ]
    assert {(q.address, q.started_at) for q in asked} == {("http://p:9090", written(NOW))}
