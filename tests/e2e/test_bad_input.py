"""Every wrong HotUpgrade is refused, by the API server or the operator, in words that say what is
wrong, where, and what would be right; what runs is not touched."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from hotupgrade_api.resource import ANNOTATION_REQUEST
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Object
from tests.e2e.load import Load
from tests.e2e.manifests import GO
from tests.e2e.namespace import Namespace
from tests.e2e.workload import Workload, ask
from tests.wrong_input import (
    IMMUTABLE,
    NO_WORKLOAD,
    OF_CLUSTER,
    OF_OPERATOR,
    OF_RULES,
    OF_STRUCTURE,
    REQUESTS,
    Wrong,
    changed,
)

NOBODYS_PORT = 9090  # of the artifacts' pod: nothing listens there


@dataclass(frozen=True)
class Running:
    """What must not be touched; `right` is a HotUpgrade to v2, which nobody applies as it is."""

    workload: Workload
    right: Object
    address: str
    pods: Sequence[object]

    def is_untouched(self) -> bool:
        pods = self.workload.pods()
        return [p.identity for p in pods] == self.pods and {ask(p) for p in pods} == {"v1"}


@pytest.fixture(scope="module")
def running(operator: Namespace, artifacts: Artifacts) -> Iterator[Running]:
    """One workload under load for all of them."""
    name = "bad-input"
    operator.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    namespace = Namespace(operator.cluster, name)
    workload = Workload(namespace, "web", GO)
    load = Load(namespace, "web", rate=50)
    right = workload.hot_upgrade(artifacts.spec("v2", "v2"))
    identities = [pod.identity for pod in workload.pods()]
    yield Running(workload, right, artifacts.address, identities)
    report = load.stop()
    assert (report.failed, set(report.versions) - {"v1", "v2"}) == (0, set()), report
    operator.cluster.kubectl("delete", "namespace", name, "--wait=false")


def unsaid(wrong: Wrong, answer: str) -> list[str]:
    return [part for part in wrong.says if part not in answer]


@pytest.mark.parametrize(
    "table", [OF_STRUCTURE, OF_RULES, IMMUTABLE], ids=["structure", "rules", "immutable"]
)
def test_the_api_server_refuses_what_the_types_do_not_allow(
    table: Sequence[Wrong], running: Running
) -> None:
    unclear = {}
    for wrong in table:
        answer = running.workload.namespace.refusal(changed(running.right, wrong.changes))
        if left := unsaid(wrong, answer):
            unclear[str(wrong)] = (left, answer)
    assert not unclear
    assert running.is_untouched()


def test_the_operator_answers_what_only_it_can_know(running: Running) -> None:
    namespace, unclear = running.workload.namespace, {}
    for wrong in [*OF_OPERATOR, *OF_CLUSTER]:
        namespace.apply(changed(running.right, wrong.changes))
        if left := unsaid(wrong, not_ready(namespace, "web", wrong)):
            unclear[str(wrong)] = (left, not_ready(namespace, "web", wrong))
    assert not unclear
    assert running.is_untouched()


def test_a_workload_that_is_not_there_is_named(running: Running) -> None:
    namespace, unclear = running.workload.namespace, {}
    for number, wrong in enumerate(NO_WORKLOAD):
        name = f"nothing-{number}"
        namespace.apply(changed(running.right, {**wrong.changes, "metadata.name": name}))
        answer = not_ready(namespace, name, wrong)
        if left := unsaid(wrong, answer):
            unclear[str(wrong)] = (left, answer)
        namespace.kubectl("delete", "hotupgrade", name, "--wait=false")
    assert not unclear
    assert running.is_untouched()


def test_requests_that_make_no_sense_are_answered_by_an_event(running: Running) -> None:
    namespace = running.workload.namespace
    running.workload.upgrade(None)
    for request, says in REQUESTS:
        ask_for(request, namespace)

        def told(says: str = says) -> bool:
            return any(says in message for _, message in namespace.events("web"))

        namespace.until(f"an event says {says}", told)
    assert running.is_untouched()


def test_a_prometheus_that_does_not_answer_holds_the_upgrade_and_is_named(running: Running) -> None:
    namespace = running.workload.namespace
    address = f"http://{running.address}:{NOBODYS_PORT}"
    metric = {"name": "errors", "query": "up", "success": "result < 1", "intervalSeconds": 1}
    analysis = {
        "provider": {"prometheus": {"address": address}},
        "metrics": [{**metric, "consecutiveErrorLimit": 1}],
    }
    steps = [{"setPods": 1}, {"analysis": {"metrics": ["errors"]}}]
    change = {"spec.analysis": analysis, "spec.strategy.steps": steps}
    namespace.apply(changed(running.right, change))

    def held() -> str:
        found = namespace.condition("web", "Paused")
        return found.message if found and found.reason == "AnalysisError" else ""

    message = namespace.until("the analysis holds", held)
    assert address in message
    ready = namespace.condition("web", "Ready")
    assert ready is not None
    assert ready.status == "False"
    ask_for("abort/unanswered", namespace)
    namespace.until("v1 is back", running.is_untouched)


def ask_for(request: str, namespace: Namespace) -> None:
    annotation = f"{ANNOTATION_REQUEST}={request}"
    namespace.kubectl("annotate", "hotupgrade", "web", annotation, "--overwrite")


def not_ready(namespace: Namespace, name: str, wrong: Wrong) -> str:
    """What the operator says of the spec as it is now."""

    def answer() -> str:
        found = namespace.condition(name, "Ready")
        return found.message if found and found.status == "False" else ""

    return namespace.until(f"{wrong} is answered", answer)
