"""What the enforcer reads from the API server, as it stands there: pods, namespaces, policies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    namespace: str
    address: str
    labels: Mapping[str, str]
    ports: tuple[tuple[str, str, int], ...]  # name, protocol, number; of all its containers


@dataclass(frozen=True)
class State:
    """namespaces: the labels of each."""

    pods: tuple[Pod, ...]
    namespaces: Mapping[str, Mapping[str, str]]
    policies: tuple[Object, ...]


def state(pods: list[Object], namespaces: list[Object], policies: list[Object]) -> State:
    """Of the items of three lists. A pod of the node's own network is the node, to a policy."""
    living = [
        pod
        for pod in pods
        if pod["status"].get("podIP")
        and not pod["spec"].get("hostNetwork")
        and pod["status"].get("phase") not in ("Succeeded", "Failed")
    ]
    return State(
        tuple(sorted((_pod(pod) for pod in living), key=lambda pod: pod.address)),
        {n["metadata"]["name"]: n["metadata"].get("labels", {}) for n in namespaces},
        tuple(policies),
    )


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for need in selector.get("matchExpressions", []):
        there = need["key"] in labels
        listed = there and labels[need["key"]] in need.get("values", [])
        good = {"In": listed, "NotIn": not listed, "Exists": there, "DoesNotExist": not there}
        if not good[need["operator"]]:
            return False
    return True


def _pod(pod: Object) -> Pod:
    meta, spec = pod["metadata"], pod["spec"]
    ports = tuple(
        (port["name"], port.get("protocol", "TCP"), port["containerPort"])
        for container in [*spec.get("initContainers", []), *spec["containers"]]
        for port in container.get("ports", [])
        if "name" in port
    )
    return Pod(meta["namespace"], pod["status"]["podIP"], meta.get("labels", {}), ports)
