"""Pure: what a pod becomes when launcher and agent are put into it, or why it is left alone.

The API server asks once, and again when a webhook after ours has changed the pod: Istio's is often
one of those. So what another may add is looked at both times.
"""

import copy
from typing import Any

import msgspec

from hotupgrade_api import pod_layout as layout
from hotupgrade_api.injection_record import InjectionRecord
from hotupgrade_api.resource import ANNOTATION_INJECTED, HotUpgradeSpec
from hotupgrade_operator import agent_resources
from hotupgrade_operator.default_health import default_health
from hotupgrade_operator.injected_containers import (
    CONTAINERS,
    VOLUMES,
    Injection,
    boot_and_agent,
    volumes,
    with_launcher,
    without_launcher,
)

Object = dict[str, Any]

ISTIO_PROXY = "istio-proxy"
ISTIO_VALIDATION = "istio-validation"  # init container, there where Istio's CNI plugin is used
OS_LABEL = "kubernetes.io/os"
PATCHED = ("containers", "initContainers", "volumes", "imagePullSecrets", "resources")


class NotInjected(Exception):
    """The pod is left alone; the message says what to change."""


def is_injected(pod: Object) -> bool:
    return any(c["name"] == layout.AGENT_CONTAINER for c in pod["spec"].get("initContainers") or [])


def inject(pod: Object, what: Injection) -> Object:
    """A pod that is not injected yet with boot, agent and launcher in it. Raises NotInjected."""
    before = pod["spec"]
    _refuse(before)
    app = _app(before, what.spec)
    command = app.get("command") or what.spec.command
    if not command:
        raise NotInjected(
            f"cannot inject: container {app['name']} sets no command, and the image's entrypoint "
            "is not in the API; set its command, or spec.command of the HotUpgrade"
        )
    health = default_health(app)
    after = copy.deepcopy(pod)
    spec = after["spec"]
    spec["containers"] = [
        with_launcher(c, command) if c["name"] == app["name"] else c for c in spec["containers"]
    ]
    spec["volumes"] = [*(spec.get("volumes") or []), *volumes(what.store_limit_bytes)]
    ours = boot_and_agent(before, what, health.health)
    spec["initContainers"] = _placed(spec.get("initContainers") or [], ours)
    if raised := agent_resources.of_pod(before, what.resources):
        spec["resources"] = raised
    if what.pull_secrets:
        spec["imagePullSecrets"] = _with_secrets(spec, what.pull_secrets)
    record = InjectionRecord(
        container=app["name"],
        image=app["image"],
        revision=what.boot.revision,
        health=health.note,
    )
    return _noted(after, record)


def inject_again(pod: Object) -> Object:
    """An injected pod that others have changed since: boot and agent where they must be now.

    Raises NotInjected; `left_alone` then takes them out.
    """
    _refuse(pod["spec"])
    after = copy.deepcopy(pod)
    init = after["spec"]["initContainers"]
    ours = [c for c in init if c["name"] in CONTAINERS]
    others = [c for c in init if c["name"] not in CONTAINERS]
    after["spec"]["initContainers"] = _placed(others, ours)
    return after


def left_alone(pod: Object, why: str) -> Object:
    """The pod with none of our containers, and with a note on why; the operator shows it in the
    HotUpgrade's status."""
    after = copy.deepcopy(pod)
    if is_injected(pod):
        spec = after["spec"]
        spec["containers"] = [without_launcher(c) for c in spec["containers"]]
        spec["initContainers"] = [c for c in spec["initContainers"] if c["name"] not in CONTAINERS]
        spec["volumes"] = [v for v in spec["volumes"] if v["name"] not in VOLUMES]
    return _noted(after, InjectionRecord(refused=why))


def app_image(pod: Object, wanted: HotUpgradeSpec) -> str:
    """The image string of the container that is upgraded. Raises NotInjected."""
    image: str = _app(pod["spec"], wanted)["image"]
    return image


def patch(before: Object, after: Object) -> list[Object]:
    """The JSON patch (RFC 6902) between them: whole parts of the spec, and the annotations."""
    operations = []
    for name in PATCHED:
        if before["spec"].get(name) != after["spec"].get(name):
            operations.append({"op": "add", "path": f"/spec/{name}", "value": after["spec"][name]})
    was, now = (p.get("metadata", {}).get("annotations") for p in (before, after))
    if was != now:
        operations.append({"op": "add", "path": "/metadata/annotations", "value": now})
    return operations


def _refuse(spec: Object) -> None:
    """Raises NotInjected where pods of this kind cannot take part."""
    system = (spec.get("os") or {}).get("name") or (spec.get("nodeSelector") or {}).get(OS_LABEL)
    if system == "windows":
        raise NotInjected(
            "cannot inject: the launcher is a Linux program, and this pod's os is windows"
        )
    if spec.get("hostNetwork"):
        raise NotInjected("cannot inject: hostNetwork pods share the node's ports")
    names = [c["name"] for c in spec.get("initContainers") or []]
    if ISTIO_VALIDATION in names and ISTIO_PROXY not in names:
        raise NotInjected(
            "cannot inject: Istio's CNI plugin captures the traffic of init containers, and this "
            "pod's istio-proxy is none, so a new pod could not fetch its artifact; native sidecars "
            "(pilot.env.ENABLE_NATIVE_SIDECARS) are right"
        )


def _noted(pod: Object, record: InjectionRecord) -> Object:
    annotations = pod.setdefault("metadata", {}).setdefault("annotations", {})
    annotations[ANNOTATION_INJECTED] = msgspec.json.encode(record).decode()
    return pod


def _app(spec: Object, wanted: HotUpgradeSpec) -> Object:
    names = [c["name"] for c in spec["containers"]]
    # A proxy that was injected before us is nobody's app.
    candidates = [name for name in names if name != ISTIO_PROXY]
    if not wanted.container and len(candidates) != 1:
        raise NotInjected(f"cannot inject: spec.container must be one of {', '.join(names)}")
    name = wanted.container or candidates[0]
    if name not in names:
        raise NotInjected(f"cannot inject: spec.container is {name}; the pod has {names}")
    found: Object = next(c for c in spec["containers"] if c["name"] == name)
    return found


def _placed(init: list[Object], ours: list[Object]) -> list[Object]:
    """First, but behind a native istio-proxy: boot's fetch may need it."""
    at = 0
    for index, container in enumerate(init):
        if container["name"] == ISTIO_PROXY and container.get("restartPolicy") == "Always":
            at = index + 1
    return [*init[:at], *ours, *init[at:]]


def _with_secrets(spec: Object, names: tuple[str, ...]) -> list[Object]:
    known = spec.get("imagePullSecrets") or []
    added = [{"name": name} for name in names if {"name": name} not in known]
    return [*known, *added]
