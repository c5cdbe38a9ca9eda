"""An upgrade by steps: each pod shares its new connections between two processes, by the weight
that the step asks for; a person, or a failure, takes it all back within the pods."""

import json
import time
import uuid

import pytest

from hotupgrade_api.resource import ANNOTATION_REQUEST
from tests.e2e.agent import generations
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Cluster, Object
from tests.e2e.load import Load
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.e2e.test_operator_killed import kill_leader
from tests.e2e.workload import Workload, ask

ASKED = 1000  # requests to one pod, to measure its share
DEVIATIONS = 5


def weight(value: int) -> Object:
    return {"setWeight": value}


WAITS: Object = {"pause": {}}


def stepwise(namespace: Namespace, *steps: Object, replicas: int = 2) -> Workload:
    options = Options(replicas=replicas, max_concurrent="100%", steps=steps)
    return Workload(namespace, "web", GO, options)


def request(namespace: Namespace, verb: str) -> None:
    """As `kubectl annotate` writes it; returns once the operator has acted on it."""
    value = f"{verb}/{uuid.uuid4().hex}"
    annotation = {"metadata": {"annotations": {ANNOTATION_REQUEST: value}}}
    namespace.kubectl(
        "patch", "hotupgrade", "web", "--type=merge", "--patch", json.dumps(annotation)
    )
    namespace.until(verb, lambda: namespace.status("web").handled_request == value)


def until_step(namespace: Namespace, index: int, percent: int) -> None:
    def there() -> bool:
        status = namespace.status("web")
        return status.current_step_index == index and status.weights.update == percent

    namespace.until(f"step {index} at {percent} %", there, 120)


def shares(workload: Workload) -> list[float]:
    """The new version's share of the answers of each pod, in percent."""
    found = []
    for pod in workload.pods():
        answers = [ask(pod) for _ in range(ASKED)]
        found.append(100 * answers.count("v2") / ASKED)
    return found


def near(share: float, percent: int) -> bool:
    deviation = (percent * (100 - percent) / ASKED) ** 0.5
    return bool(abs(share - percent) <= DEVIATIONS * deviation)


def test_weights_are_measured_in_each_pod_and_promote_ends_each_pause(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = stepwise(namespace, weight(10), WAITS, weight(50), WAITS)
    before = workload.pods()
    load = Load(namespace, "web", rate=200)
    namespace.apply(workload.hot_upgrade(artifacts.spec("v2", "v2")))
    measured = {}
    for index, percent in ((1, 10), (3, 50)):
        until_step(namespace, index, percent)
        measured[percent] = shares(workload)
        request(namespace, "promote")
    workload.until_ready("Upgraded")
    report = load.stop()
    print(f"shares: {measured}")
    assert all(near(s, percent) for percent, found in measured.items() for s in found), measured
    assert report.failed == 0, report
    assert [ask(pod) for pod in workload.pods()] == ["v2", "v2"]
    assert [pod.identity for pod in workload.pods()] == [pod.identity for pod in before]


@pytest.mark.parametrize("verb", ["abort", "undo"])
def test_going_back_on_request_costs_no_request(
    verb: str, namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = stepwise(namespace, weight(50), *([WAITS] if verb == "abort" else []))
    load = Load(namespace, "web", rate=200)
    namespace.apply(workload.hot_upgrade(artifacts.spec("v2", "v2")))
    if verb == "abort":
        until_step(namespace, 1, 50)
    else:
        workload.until_ready("Upgraded")
    request(namespace, verb)
    workload.until_ready("Aborted" if verb == "abort" else "Undone")
    report = load.stop()
    assert report.failed == 0, report
    assert [ask(pod) for pod in workload.pods()] == ["v1", "v1"]
    request(namespace, "retry")
    if verb == "abort":
        until_step(namespace, 1, 50)
    else:
        workload.until_ready("Upgraded")


def test_operator_killed_in_each_step_goes_on_where_it_was(
    namespace: Namespace, artifacts: Artifacts, cluster: Cluster
) -> None:
    timed: Object = {"pause": {"durationSeconds": 2}}
    workload = stepwise(namespace, {"setPods": 1}, timed, weight(50), timed, replicas=2)
    before = workload.pods()
    load = Load(namespace, "web", rate=200)
    namespace.apply(workload.hot_upgrade(artifacts.spec("v2", "v2")))
    seen = -1
    deadline = time.monotonic() + 240
    while seen < 4 and time.monotonic() < deadline:
        index = namespace.status("web").current_step_index
        if index > seen:
            seen = index
            namespace.until("a leader is killed", lambda: kill_leader(cluster), 120)
    workload.until_ready("Upgraded")
    report = load.stop()
    assert seen >= 3
    assert report.failed == 0, report
    assert [pod.identity for pod in workload.pods()] == [pod.identity for pod in before]
    newest = [max(g.number for g in generations(pod, cluster)) for pod in before]
    assert newest == [2, 2]
