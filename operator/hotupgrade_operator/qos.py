"""Pure: the QoS class that a kubelet gives a pod, and what decides it.

https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/; with resources of the pod itself
(KEP-2837) those decide alone.
"""

from enum import StrEnum
from typing import Any

from hotupgrade_operator.quantity import parsed

Object = dict[str, Any]
COMPUTE = ("cpu", "memory")


class QosClass(StrEnum):
    GUARANTEED = "Guaranteed"
    BURSTABLE = "Burstable"
    BEST_EFFORT = "BestEffort"


def qos_class(spec: Object) -> QosClass:
    """Of a pod's spec. A request that is left out is the limit, as the API server has it."""
    parts = [spec["resources"]] if spec.get("resources") else _of_containers(spec)
    if not any(_amounts(part) for part in parts):
        return QosClass.BEST_EFFORT
    return QosClass.GUARANTEED if all(map(_is_fixed, parts)) else QosClass.BURSTABLE


def named(spec: Object, kind: str) -> set[str]:
    """The resources that some container of the pod has `requests` or `limits` of."""
    return {name for part in _of_containers(spec) for name in part.get(kind) or {}}


def _of_containers(spec: Object) -> list[Object]:
    containers = [*spec["containers"], *(spec.get("initContainers") or [])]
    return [container.get("resources") or {} for container in containers]


def _amounts(resources: Object) -> dict[tuple[str, str], Any]:
    """Of cpu and memory; an amount of 0 counts as none."""
    return {
        (kind, name): value
        for kind in ("requests", "limits")
        for name, value in (resources.get(kind) or {}).items()
        if name in COMPUTE and parsed(value) > 0
    }


def _is_fixed(resources: Object) -> bool:
    amounts = _amounts(resources)
    for name in COMPUTE:
        limit = amounts.get(("limits", name))
        if limit is None:
            return False
        if parsed(amounts.get(("requests", name), limit)) != parsed(limit):
            return False
    return True
