"""Pure: what Prometheus is asked, with the variables that stand for the pods and the revision."""

import re
from dataclasses import dataclass
from datetime import datetime

from hotupgrade_api.resource import Analysis, Metric
from hotupgrade_api.resource_status import MetricStatus
from hotupgrade_operator.analysis import due

VARIABLES = ("namespace", "pods", "revision")
VARIABLE = re.compile(r"\$\(([^()]*)\)")
MOST_PODS = 1000  # of a larger fleet the first by name: a query of megabytes would be refused
NO_POD = "-"  # no pod has this name; an empty pattern would match series without the label


@dataclass(frozen=True)
class Subject:
    """Who is measured: the pods that serve a revision."""

    namespace: str
    revision: str
    pods: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """One measurement of one metric. stable_query: with compareWith."""

    metric: Metric
    started_at: str
    address: str
    query: str
    stable_query: str = ""


def questions(
    wanted: Analysis,
    statuses: list[MetricStatus],
    update: Subject,
    stable: Subject,
    now: datetime,
) -> tuple[Question, ...]:
    """For each metric that is due."""
    started = {status.name: status.started_at for status in statuses}
    return tuple(
        Question(
            metric,
            started[metric.name],
            wanted.provider.prometheus.address,
            substituted(metric.query, update),
            substituted(metric.query, stable) if metric.compare_with else "",
        )
        for metric in due(wanted, statuses, now)
    )


def unknown(text: str) -> list[str]:
    """Variables that there are none of."""
    return [name for name in VARIABLE.findall(text) if name not in VARIABLES]


def substituted(text: str, subject: Subject) -> str:
    """$(pods) is a regular expression for `=~`. A dot is written [.]: inside quotes, PromQL would
    take a backslash for its own."""
    names = sorted(subject.pods)[:MOST_PODS] or [NO_POD]
    values = {
        "namespace": subject.namespace,
        "revision": subject.revision,
        "pods": "|".join(name.replace(".", "[.]") for name in names),
    }
    return VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)
