"""A pod that is born, or born again, after a hot upgrade runs what the others run."""

import contextlib

from hotupgrade_api.pod_layout import BOOT_CONTAINER
from tests.e2e.agent import agent_status, operator_certificate
from tests.e2e.artifacts import NAME as SOURCE
from tests.e2e.artifacts import Artifacts
from tests.e2e.load import Load
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.e2e.pod import Pod
from tests.e2e.workload import Workload, ask


def first_answer(namespace: Namespace, pod: Pod) -> str:
    """The very first one: the pod is asked from before it can answer."""

    def answer() -> str:
        try:
            return ask(namespace.pod(pod.name))
        except OSError:
            return ""

    return namespace.until(f"{pod.name} answers", answer)


def newcomers(workload: Workload, known: list[Pod], count: int) -> list[Pod]:
    names = {pod.name for pod in known}

    def found() -> list[Pod]:
        new = [pod for pod in workload.pods() if pod.name not in names]
        return new if len(new) == count else []

    return workload.namespace.until(f"{count} new pods", found)


def test_new_pods_answer_the_new_version_from_their_first_response(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = Workload(namespace, "web", GO, Options(replicas=3, max_concurrent=3))
    workload.upgrade(artifacts.spec("v2", "v2"))
    first = workload.pods()
    load = Load(namespace, "web")
    namespace.kubectl("scale", "deployment/web", "--replicas=5")
    scaled = [first_answer(namespace, pod) for pod in newcomers(workload, first, 2)]
    five = workload.until_pods_are_ready(5)
    namespace.kubectl("delete", "pod", five[0].name, "--wait=false")
    successor = [first_answer(namespace, pod) for pod in newcomers(workload, five, 1)]
    workload.until_pods_are_ready(5)
    workload.until_ready("Upgraded")
    report = load.stop()
    assert (scaled, successor) == (["v2", "v2"], ["v2"])
    assert set(report.versions) == {"v2"}, report


def test_new_pod_whose_source_is_down_backs_off_and_says_why(namespace: Namespace) -> None:
    own = Artifacts(namespace)
    workload = Workload(namespace, "web", GO, Options(replicas=1))
    workload.upgrade(own.spec("v2", "v2"))
    first = workload.pods()
    namespace.kubectl("delete", "pod", SOURCE, "--now")
    namespace.kubectl("scale", "deployment/web", "--replicas=2")
    (born,) = newcomers(workload, first, 1)
    message = namespace.until("boot's message", lambda: last_message_of_boot(namespace, born))
    assert "FetchFailed" in message
    assert ask(first[0]) == "v2"


def last_message_of_boot(namespace: Namespace, pod: Pod) -> str:
    """Of the container's run before this one, or of this one where it waits for the next."""
    raw = namespace.cluster.get("pod", namespace.name, pod.name) or {}
    for container in raw.get("status", {}).get("initContainerStatuses", []):
        if container["name"] == BOOT_CONTAINER:
            for state in (container.get("state", {}), container.get("lastState", {})):
                if message := state.get("terminated", {}).get("message"):
                    return str(message)
    return ""


def test_app_that_crashes_comes_back_as_the_new_version_with_back_off(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = Workload(namespace, "web", GO, Options(replicas=1))
    workload.upgrade(artifacts.spec("v2", "v2"))
    (pod,) = workload.pods()
    for crash in (1, 2):
        with contextlib.suppress(OSError):  # it has no time to answer
            ask(pod, "/crash")
        until_restarted(pod, namespace, crash)
        assert first_answer(namespace, pod) == "v2"
    waits = namespace.kubectl("logs", pod.name, "--container", "web")
    assert ['"after":"0s"' in waits, '"after":"10s"' in waits] == [True, True], waits
    assert namespace.pod(pod.name).identity == pod.identity


def until_restarted(pod: Pod, namespace: Namespace, times: int) -> None:
    """By the launcher's count: the container's own does not change."""
    certificate = operator_certificate(namespace.cluster)

    def restarted() -> bool:
        launcher = agent_status(pod, certificate).launcher
        return launcher is not None and launcher.restarts == times

    namespace.until(f"restart {times} of the app", restarted)
