"""A real Prometheus judges an upgrade by what it has of the pods that run the new version."""

from hotupgrade_api.resource_status import MetricPhase
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Object
from tests.e2e.load import Load
from tests.e2e.manifests import GO
from tests.e2e.namespace import Namespace
from tests.e2e.prometheus import Prometheus
from tests.e2e.workload import Workload, ask

TWO_PROCESSES = (
    'hotupgrade_agent_process_generations{namespace="$(namespace)", pod=~"$(pods)"} == 2'
)


def analysed(upgrade: Object, prometheus: Prometheus, success: str) -> Object:
    """Every pod that was upgraded has two processes until the end: a number that is known."""
    metric = {
        "name": "processes",
        "query": f"count({TWO_PROCESSES})",
        "success": success,
        "intervalSeconds": 5,
    }
    provider = {"prometheus": {"address": prometheus.url}}
    analysis = {"provider": provider, "metrics": [metric]}
    return {**upgrade, "spec": {**upgrade["spec"], "analysis": analysis}}


def test_good_answers_of_prometheus_end_the_upgrade(
    namespace: Namespace, artifacts: Artifacts, prometheus: Prometheus
) -> None:
    workload = Workload(namespace, "web", GO)
    upgrade = workload.hot_upgrade(artifacts.spec("v2", "v2"))
    namespace.apply(analysed(upgrade, prometheus, "result >= 1 && result <= 3"))
    workload.until_ready("Upgraded")
    (metric,) = namespace.status("web").analysis
    assert metric.phase is MetricPhase.SUCCESSFUL
    assert 1 <= int(metric.value) <= 3
    assert {ask(pod) for pod in workload.pods()} == {"v2"}


def test_a_breach_in_prometheus_takes_every_pod_back_and_no_request_fails(
    namespace: Namespace, artifacts: Artifacts, prometheus: Prometheus
) -> None:
    workload = Workload(namespace, "web", GO)
    before = workload.pods()
    load = Load(namespace, "web", rate=200)
    upgrade = workload.hot_upgrade(artifacts.spec("v2", "v2"))
    namespace.apply(analysed(upgrade, prometheus, "result < 1"))
    ready = workload.until_ready("AnalysisFailed")
    report = load.stop()
    assert "success is `result < 1`" in ready.message
    assert report.failed == 0, report
    assert {ask(pod) for pod in workload.pods()} == {"v1"}
    assert [pod.identity for pod in workload.pods()] == [pod.identity for pod in before]
