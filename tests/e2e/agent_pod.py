"""Pure: a pod of our own making with a real agent in it, made from one that injection made."""

import copy
from typing import Any

from hotupgrade_api.pod_layout import AGENT_CONTAINER, BOOT_CONTAINER
from hotupgrade_api.resource import LABEL_NAME
from tests.e2e.cluster import Object


def copy_of(raw: Object, name: str) -> Object:
    """The same pod under another name. Its only label is ours: a ReplicaSet would adopt it, and
    delete it as one too many."""
    meta = raw["metadata"]
    spec = copy.deepcopy(raw["spec"])
    for assigned in ("nodeName", "serviceAccount"):
        spec.pop(assigned, None)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {LABEL_NAME: meta["labels"][LABEL_NAME]},
            "annotations": meta["annotations"],
        },
        "spec": spec,
    }


def agent_of(pod: Object) -> Object:
    """Its agent's container, to be changed in place."""
    found: Object = next(c for c in pod["spec"]["initContainers"] if c["name"] == AGENT_CONTAINER)
    return found


def set_environment(pod: Object, name: str, value: str) -> None:
    """In boot and agent."""
    for container in pod["spec"]["initContainers"]:
        if container["name"] in (AGENT_CONTAINER, BOOT_CONTAINER):
            others: list[Any] = [e for e in container["env"] if e["name"] != name]
            container["env"] = [*others, {"name": name, "value": value}]
