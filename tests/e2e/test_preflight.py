"""What would keep a hot upgrade from its end is found before it starts, by what the pods use."""

from hotupgrade_api.resource_status import Condition
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Object
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.e2e.workload import Workload, ask

OPTIONS = Options(
    replicas=1, resources={"limits": {"memory": "96Mi"}, "requests": {"memory": "96Mi"}}
)


def found(namespace: Namespace, kind: str, reason: str) -> Condition:
    def there() -> Condition | None:
        condition = namespace.condition("web", kind)
        return condition if condition and condition.reason == reason else None

    return namespace.until(f"{kind} says {reason}", there)


def of_type(kind: str, wanted: Object) -> Object:
    wanted["spec"]["strategy"]["type"] = kind
    return wanted


def test_pods_without_memory_for_two_processes_wait_until_they_are_told_to_try(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = Workload(namespace, "web", GO, OPTIONS)
    found(namespace, "Preflight", "Passed")
    (pod,) = workload.pods()
    assert ask(pod, "/hold") == "held"
    wanted = of_type("HotOnly", workload.hot_upgrade(artifacts.spec("v2", "v2")))
    namespace.apply(wanted)
    ready = found(namespace, "Ready", "Preflight")
    assert f"{pod.name}: below 95 % of the memory limit, 96 MiB" in ready.message
    assert found(namespace, "Preflight", "MemoryHeadroom").status == "False"
    assert ask(pod) == "v1"
    wanted["spec"]["handoff"] = {**wanted["spec"].get("handoff", {}), "resources": "Ignore"}
    namespace.apply(wanted)
    workload.until_ready("Upgraded")
    assert ask(pod) == "v2"
    assert [each.identity for each in workload.pods()] == [pod.identity]


def test_pods_without_memory_for_two_processes_are_rolled(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = Workload(namespace, "web", GO, OPTIONS)
    (old,) = workload.pods()
    ask(old, "/hold")
    found(namespace, "Preflight", "MemoryHeadroom")
    workload.upgrade(artifacts.spec("v2", "v2"))
    (new,) = workload.until_pods_are_ready(1)
    assert (ask(new), new.uid != old.uid) == ("v2", True)
