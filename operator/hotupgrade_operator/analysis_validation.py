"""Pure: what is wrong with a spec's analysis, and with the steps that name its metrics."""

from collections.abc import Sequence

from hotupgrade_api.resource import Analysis, HotUpgradeSpec, Metric, Step
from hotupgrade_operator import expressions
from hotupgrade_operator.allowed_hosts import AllowedHosts, HostRefused
from hotupgrade_operator.expressions import Unreadable
from hotupgrade_operator.judgement import variables
from hotupgrade_operator.question import VARIABLES, unknown


def invalid(spec: HotUpgradeSpec, allowed: AllowedHosts) -> str:
    """What is wrong, where, and what would be right; empty where nothing is."""
    wrong = _steps(spec.analysis, spec.strategy.steps)
    return wrong or (_analysis(spec.analysis, allowed) if spec.analysis else "")


def _steps(analysis: Analysis | None, steps: Sequence[Step]) -> str:
    names = [metric.name for metric in analysis.metrics] if analysis else []
    for index, step in enumerate(steps):
        if step.analysis is None:
            continue
        where = f"spec.strategy.steps[{index}].analysis"
        if not step.analysis.metrics:
            return f"{where}.metrics is empty; one of {names} or more is right"
        for name in step.analysis.metrics:
            if name not in names:
                right = f"one of {names} is right" if names else "there is no spec.analysis"
                return f"{where}.metrics has {name!r}, which spec.analysis does not; {right}"
        if not any(before.set_pods or before.set_weight for before in steps[:index]):
            return f"{where} comes before any pod is upgraded; after a setPods it is right"
    return ""


def _analysis(analysis: Analysis, allowed: AllowedHosts) -> str:
    try:
        allowed.check(analysis.provider.prometheus.address)
    except HostRefused as error:
        return (
            f"spec.analysis.provider.prometheus.address: {error}; "
            "http://HOST:PORT of a Prometheus that the operator may ask is right"
        )
    names: set[str] = set()
    for index, metric in enumerate(analysis.metrics):
        where = f"spec.analysis.metrics[{index}]"
        if metric.name in names:
            return f"{where}.name is {metric.name!r} as another's is; a name for each is right"
        names.add(metric.name)
        if wrong := _metric(metric):
            return f"{where}.{wrong}"
    return ""


def _metric(metric: Metric) -> str:
    if wrong := unknown(metric.query):
        right = ", ".join(f"$({name})" for name in VARIABLES)
        return f"query has $({wrong[0]}); {right} are there"
    for field, text in (("success", metric.success), ("failure", metric.failure)):
        try:
            if text:
                expressions.compile(text, variables(metric))
        except Unreadable as error:
            return f"{field}: {error}; a condition such as `result < 0.05` is right"
    return ""
