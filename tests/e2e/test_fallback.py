"""What cannot be upgraded hot is rolled the ordinary way: by the workload's own strategy, once."""

from functools import partial

from tests.e2e import manifests
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Object
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.e2e.pod import Pod
from tests.e2e.workload import Workload, ask

FALLS_BACK: Object = {"requires": "Restart"}
OPERATOR = "deployment/hotupgrade-operator"


def told(namespace: Namespace, reason: str) -> bool:
    """By the condition, or by the Event that outlives it."""
    return reason in [found for found, _ in namespace.events("web")]


def test_artifact_that_requires_a_restart_is_rolled_once_and_the_next_one_goes_hot_again(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = Workload(namespace, "web", GO, Options(replicas=3))
    before = workload.pods()
    workload.upgrade({**artifacts.spec("v2", "v2"), **FALLS_BACK})
    after = workload.until_pods_are_ready(3)
    assert not {pod.uid for pod in before} & {pod.uid for pod in after}
    assert [ask(pod) for pod in after] == ["v2"] * 3
    assert told(namespace, "RequiresRestart")
    status = namespace.status("web")
    assert (status.stable_version, status.fallback_revision) == ("v2", "")
    namespace.apply(workload.hot_upgrade(artifacts.spec("v4", "v4")))
    workload.until_ready("Upgraded")
    assert [pod.uid for pod in workload.pods()] == [pod.uid for pod in after], "hot again"


KINDS = ("Deployment", "StatefulSet", "DaemonSet")


def test_pods_that_were_made_while_no_operator_answered_are_rolled(
    namespace: Namespace, operator: Namespace, artifacts: Artifacts
) -> None:
    options = Options(replicas=1)
    operator.kubectl("scale", OPERATOR, "--replicas=0")
    operator.kubectl("wait", "pods", "--all", "--for=delete", "--timeout=120s")
    for kind in KINDS:
        namespace.apply(manifests.deployment(kind.lower(), GO, options, kind))
    old = {kind: one_ready(namespace, kind) for kind in KINDS}
    operator.kubectl("scale", OPERATOR, "--replicas=2")
    operator.kubectl("rollout", "status", OPERATOR, "--timeout=120s")
    spec = artifacts.spec("v2", "v2")
    for kind in KINDS:
        namespace.apply(manifests.hot_upgrade(kind.lower(), GO, options, spec, kind))
    for kind in KINDS:
        name = kind.lower()
        namespace.until(f"{kind} runs v2", partial(stable, namespace, name), 180)
        new = one_ready(namespace, kind)
        assert (ask(new), new.uid != old[kind].uid) == ("v2", True)
        assert "NotInjected" in [reason for reason, _ in namespace.events(name)]


def stable(namespace: Namespace, name: str) -> bool:
    return namespace.status(name).stable_version == "v2"


def one_ready(namespace: Namespace, kind: str) -> Pod:
    def found() -> Pod | None:
        pods = namespace.pods(kind.lower())
        return pods[0] if len(pods) == 1 and pods[0].ready else None

    return namespace.until(f"a ready pod of {kind}", found)
