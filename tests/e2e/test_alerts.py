"""What goes wrong raises the right alert, those concerned get it, and it ends when all is well."""

from dataclasses import dataclass

import pytest

from tests.e2e.agent import agent_process
from tests.e2e.alertmanager import Alert, Alertmanager
from tests.e2e.artifacts import Artifacts
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.e2e.prometheus import Prometheus
from tests.e2e.workload import Workload
from tests.monitoring_config import ROOT


def first(alertmanager: Alertmanager, receiver: str, namespace: Namespace, status: str) -> Alert:
    def sent() -> Alert | None:
        found = alertmanager.sent(receiver, namespace.name)
        return next((alert for alert in found if alert.status == status), None)

    return namespace.until(f"{receiver} gets a {status} alert", sent)


@dataclass(frozen=True)
class Case:
    artifact: str
    sha256: str  # empty: the artifact's own
    reason: str
    alert: str
    receiver: str
    severity: str


CASES = [
    Case("down", "", "ProbeFailed", "HotUpgradeRolledBack", "platform", "warning"),
    Case("v2", "0" * 64, "DigestMismatch", "HotUpgradeArtifactUnverified", "security", "critical"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.reason)
def test_bad_upgrade_is_alerted_to_those_concerned_until_a_good_one(
    case: Case,
    namespace: Namespace,
    artifacts: Artifacts,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
) -> None:
    workload = Workload(namespace, "web", GO)
    assert prometheus.firing(namespace.name) == set()
    bad = artifacts.spec(case.artifact, "v3")
    if case.sha256:
        bad = artifacts.with_digest(case.artifact, "v3", case.sha256)
    namespace.apply(workload.hot_upgrade(bad))
    workload.until_ready(case.reason)

    sent = first(alertmanager, case.receiver, namespace, "firing")
    assert sent.name == case.alert
    assert sent.labels["name"] == "web"
    assert sent.labels["severity"] == case.severity
    assert f"{namespace.name}/web" in sent.annotations["summary"]
    assert case.reason in sent.annotations["summary"]
    runbook = sent.annotations["runbook_url"].rpartition("/")[2]
    assert (ROOT / "docs/runbooks" / runbook).exists()

    workload.upgrade(artifacts.spec("v2", "v2"))
    assert first(alertmanager, case.receiver, namespace, "resolved").name == case.alert
    everything = [
        found.name
        for to in ("platform", "security")
        for found in alertmanager.sent(to, namespace.name)
    ]
    assert set(everything) == {case.alert}, "what only follows from it is kept back"
    assert prometheus.firing(namespace.name) == set()


def test_good_upgrade_raises_no_alert(
    namespace: Namespace, artifacts: Artifacts, prometheus: Prometheus
) -> None:
    workload = Workload(namespace, "web", GO)
    workload.upgrade(artifacts.spec("v2", "v2"))
    done = f'hotupgrade_pods{{namespace="{namespace.name}", name="web", standing="Done"}} == 2'
    namespace.until("Prometheus sees it done", lambda: prometheus.query(done))
    fired = f'count_over_time(ALERTS{{namespace="{namespace.name}", alertstate="firing"}}[10m])'
    assert prometheus.query(fired) == []


def test_agent_that_does_not_answer_is_alerted_until_it_does(
    namespace: Namespace, prometheus: Prometheus, alertmanager: Alertmanager
) -> None:
    (pod,) = Workload(namespace, "web", GO, Options(replicas=1)).pods()
    agent = namespace.until("the agent runs", lambda: agent_process(pod))
    agent.freeze()
    try:
        sent = first(alertmanager, "platform", namespace, "firing")
    finally:
        agent.thaw()
    assert sent.name == "HotUpgradeAgentUnreachable"
    assert first(alertmanager, "platform", namespace, "resolved").name == sent.name
    assert prometheus.firing(namespace.name) == set()
    assert namespace.pod(pod.name) == pod
