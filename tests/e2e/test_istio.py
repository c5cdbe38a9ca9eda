"""Steps that move a route of Istio: a real istiod, and requests through a real Envoy."""

import json
import time
import urllib.error
import urllib.request

import pytest

from hotupgrade_api.resource import LABEL_REVISION
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Cluster, Object
from tests.e2e.load import Load
from tests.e2e.manifests import GO, Options
from tests.e2e.mesh import Mesh, destination_rule, virtual_service
from tests.e2e.namespace import Namespace
from tests.e2e.test_operator_killed import kill_leader
from tests.e2e.test_steps import ASKED, WAITS, near, request, until_step, weight
from tests.e2e.workload import Workload, ask

ROUTE = "primary"
ISTIO = {
    "istio": {
        "virtualService": {"name": "web", "routes": [ROUTE]},
        "destinationRule": {"name": "web"},
    }
}
OTHERS: Object = {
    "name": "others",
    "match": [{"uri": {"prefix": "/others"}}],
    "directResponse": {"status": 204},
}
MOST_ABORT_SECONDS = 20.0  # what it took is printed; this only says that it was not forgotten


class Routed:
    """A workload behind the gateway, and its HotUpgrade, which moves the route."""

    def __init__(self, namespace: Namespace, mesh: Mesh, *steps: Object) -> None:
        self.namespace = namespace
        self._options = Options(replicas=2, max_concurrent="100%", steps=steps)
        self.workload = Workload(namespace, "web", GO, self._options)
        gateway, self.url = mesh.gateway()
        service = virtual_service(namespace.name, "web", ROUTE)
        namespace.apply(gateway, destination_rule(namespace.name, "web"), service)
        namespace.until("the gateway answers", lambda: self.answer() == "v1")

    def hot_upgrade(self, artifact: Object | None, routing: Object = ISTIO) -> Object:
        made = self.workload.hot_upgrade(artifact)
        return {**made, "spec": {**made["spec"], "trafficRouting": routing}}

    def answer(self) -> str:
        """The version, or what is wrong."""
        try:
            with urllib.request.urlopen(self.url, timeout=10) as answer:
                return str(answer.read().decode().partition("\n")[0])
        except (urllib.error.URLError, OSError) as error:
            return str(error)

    def share(self) -> float:
        """Of the new version, in percent of the answers through the gateway."""
        answers = [self.answer() for _ in range(ASKED)]
        assert set(answers) <= {"v1", "v2"}, set(answers)
        return 100 * answers.count("v2") / ASKED

    def service(self) -> Object:
        found = self.namespace.cluster.get("virtualservice", self.namespace.name, "web")
        assert found is not None
        return found

    def weights(self) -> list[int]:
        routes = {route["name"]: route for route in self.service()["spec"]["http"]}
        return [d.get("weight", 0) for d in routes[ROUTE]["route"]]

    def is_given_back(self) -> bool:
        """Weights and subsets are as they were, and nothing of ours is left."""
        rule = self.namespace.cluster.get("destinationrule", self.namespace.name, "web")
        assert rule is not None
        bound = any(LABEL_REVISION in s.get("labels", {}) for s in rule["spec"]["subsets"])
        noted = any("hotupgrade.io/" in key for key in self.service()["metadata"]["annotations"])
        return self.weights() == [100, 0] and not bound and not noted

    def load(self) -> Load:
        return Load(self.namespace, "web", rate=200, url=self.url)


def until_share(routed: Routed, index: int, percent: int) -> None:
    until_step(routed.namespace, index, percent)
    assert routed.weights() == [100 - percent, percent]


def test_steps_move_the_route_and_everybody_elses_changes_survive(
    namespace: Namespace, artifacts: Artifacts, mesh: Mesh, cluster: Cluster
) -> None:
    steps = (weight(10), WAITS, weight(50), WAITS, weight(100), WAITS)
    routed = Routed(namespace, mesh, *steps)
    before = routed.workload.pods()
    load = routed.load()
    namespace.apply(routed.hot_upgrade(artifacts.spec("v2", "v2")))
    until_share(routed, 1, 10)
    measured = {10: routed.share()}
    first = [{"op": "add", "path": "/spec/http/0", "value": OTHERS},
             {"op": "add", "path": "/spec/http/1/timeout", "value": "9s"}]  # fmt: skip
    namespace.kubectl("patch", "virtualservice", "web", "--type=json", "--patch", json.dumps(first))
    for index, percent in ((3, 50), (5, 100)):
        namespace.until("a leader is killed", lambda: kill_leader(cluster), 120)
        request(namespace, "promote")
        until_share(routed, index, percent)
        measured[percent] = routed.share()
    request(namespace, "promote")
    routed.workload.until_ready("Upgraded")
    namespace.until("the route is given back", routed.is_given_back)
    assert routed.share() == 100  # of the weights as they were, with the new version in every pod
    report = load.stop()
    print(f"shares by the route: {measured}")
    assert all(near(share, percent) for percent, share in measured.items()), measured
    assert report.failed == 0, report
    others, primary = routed.service()["spec"]["http"]
    assert others == OTHERS
    assert primary["timeout"] == "9s"
    assert [ask(pod) for pod in routed.workload.pods()] == ["v2", "v2"]
    assert [pod.identity for pod in routed.workload.pods()] == [pod.identity for pod in before]


@pytest.mark.parametrize("percent", [50, 100])
def test_an_abort_takes_the_requests_back_at_once(
    percent: int, namespace: Namespace, artifacts: Artifacts, mesh: Mesh
) -> None:
    routed = Routed(namespace, mesh, weight(percent), WAITS)
    load = routed.load()
    namespace.apply(routed.hot_upgrade(artifacts.spec("v2", "v2")))
    until_share(routed, 1, percent)
    asked = time.monotonic()
    request(namespace, "abort")
    # With no stable pod left, the pods themselves go back first, and the route follows them.
    namespace.until("50 answers of v1", lambda: {routed.answer() for _ in range(50)} == {"v1"})
    took = time.monotonic() - asked
    namespace.until("all weight is stable's", lambda: routed.weights() == [100, 0])
    moved = time.monotonic() - asked
    print(f"abort at {percent} %: the answers after {took:.2f} s, the route after {moved:.2f} s")
    routed.workload.until_ready("Aborted")
    namespace.until("the route is given back", routed.is_given_back)
    report = load.stop()
    assert took < MOST_ABORT_SECONDS
    assert report.failed == 0, report


def test_the_route_is_given_back_when_the_hot_upgrade_is_deleted_while_no_operator_runs(
    namespace: Namespace, artifacts: Artifacts, mesh: Mesh, cluster: Cluster
) -> None:
    routed = Routed(namespace, mesh, weight(50), WAITS)
    load = routed.load()
    namespace.apply(routed.hot_upgrade(artifacts.spec("v2", "v2")))
    until_share(routed, 1, 50)
    namespace.until("a leader is killed", lambda: kill_leader(cluster), 120)
    namespace.kubectl("delete", "hotupgrade", "web", "--wait=true")
    namespace.until("the route is given back", routed.is_given_back, 120)
    report = load.stop()
    assert report.failed == 0, report


def test_a_route_that_does_not_exist_is_named_with_those_that_do(
    namespace: Namespace, artifacts: Artifacts, mesh: Mesh
) -> None:
    routed = Routed(namespace, mesh, weight(50), WAITS)
    wrong = {"istio": {**ISTIO["istio"], "virtualService": {"name": "web", "routes": ["main"]}}}
    namespace.apply(routed.hot_upgrade(artifacts.spec("v2", "v2"), wrong))
    found = routed.workload.until_ready("RouteNotFound")
    assert "'main'" in found.message
    assert repr(ROUTE) in found.message
    assert routed.answer() == "v1"
