"""Pure: what a pod becomes when launcher and agent are put into it, or why it is left alone."""

import copy
from dataclasses import dataclass
from typing import Any

import msgspec

from hotupgrade_api import pod_layout as layout
from hotupgrade_api.agent_messages import AUDIENCE, BootConfig, HealthDefault
from hotupgrade_api.injection_record import InjectionRecord
from hotupgrade_api.resource import (
    ANNOTATION_INJECTED,
    Health,
    HotUpgradeSpec,
    HttpGet,
    TcpSocket,
)
from hotupgrade_api.store_records import LAUNCHER

Object = dict[str, Any]

ISTIO_PROXY = "istio-proxy"
ISTIO_VALIDATION = "istio-validation"  # init container, there where Istio's CNI plugin is used
AGENT_RESOURCES = {"cpu": "20m", "memory": "96Mi"}
AGENT_MEMORY_CAP_BYTES = 80 << 20  # of Python itself: below the container's limit
TOKEN_SECONDS = 3600
AGENT_UID = 65532

SECURITY = {
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True)
class Injection:
    """What goes into the pod, beside the pod itself."""

    uid: str  # the HotUpgrade's
    spec: HotUpgradeSpec
    boot: BootConfig
    ca_bundle: str
    image: str  # the agent's
    pull_policy: str = "IfNotPresent"
    agent_port: int = layout.AGENT_PORT
    metrics_port: int = layout.METRICS_PORT
    store_limit_bytes: int = 2 << 30


class NotInjected(Exception):
    """The pod is left alone; the message says what to change."""


def inject(pod: Object, what: Injection) -> Object:
    """The pod with boot, agent and launcher in it; the same pod where they are in it already.

    Raises NotInjected.
    """
    spec = pod["spec"]
    if any(c["name"] == layout.AGENT_CONTAINER for c in spec.get("initContainers", [])):
        return pod
    if spec.get("hostNetwork"):
        raise NotInjected("cannot inject: hostNetwork pods share the node's ports")
    if _captured_before_its_proxy(spec):
        raise NotInjected(
            "cannot inject: Istio's CNI plugin captures the traffic of init containers, and this "
            "pod's istio-proxy is none, so a new pod could not fetch its artifact; native sidecars "
            "(pilot.env.ENABLE_NATIVE_SIDECARS) are right"
        )
    app = _app(spec, what.spec)
    command = app.get("command") or what.spec.command
    if not command:
        raise NotInjected(
            f"cannot inject: container {app['name']} sets no command, and the image's entrypoint "
            "is not in the API; set its command, or spec.command of the HotUpgrade"
        )
    after = copy.deepcopy(pod)
    spec = after["spec"]
    app = _app(spec, what.spec)
    guaranteed = is_guaranteed(pod["spec"])
    launcher = f"{layout.STORE_PATH}/{LAUNCHER}"
    app["command"] = [launcher, "run", "--", *command]
    app["env"] = [*app.get("env", []), *_launcher_env(app["image"])]
    app["volumeMounts"] = [
        *app.get("volumeMounts", []),
        {"name": layout.STORE_VOLUME, "mountPath": layout.STORE_PATH, "readOnly": True},
        {"name": layout.SOCKET_VOLUME, "mountPath": layout.SOCKET_DIR},
    ]
    spec["volumes"] = [*spec.get("volumes", []), *_volumes(what)]
    ours = [_boot(what, guaranteed), _agent(what, app, guaranteed)]
    init = spec.get("initContainers", [])
    at = _after_istio(init)
    spec["initContainers"] = [*init[:at], *ours, *init[at:]]
    record = InjectionRecord(container=app["name"], image=app["image"], revision=what.boot.revision)
    return _noted(after, record)


def left_alone(pod: Object, why: str) -> Object:
    """The same pod with a note on why; the operator shows it in the HotUpgrade's status."""
    return _noted(copy.deepcopy(pod), InjectionRecord(refused=why))


def app_image(pod: Object, wanted: HotUpgradeSpec) -> str:
    """The image string of the container that is upgraded. Raises NotInjected."""
    image: str = _app(pod["spec"], wanted)["image"]
    return image


def _noted(pod: Object, record: InjectionRecord) -> Object:
    annotations = pod.setdefault("metadata", {}).setdefault("annotations", {})
    annotations[ANNOTATION_INJECTED] = msgspec.json.encode(record).decode()
    return pod


def patch(before: Object, after: Object) -> list[Object]:
    """The JSON patch (RFC 6902) between them: whole lists of the spec, and the annotations."""
    operations = []
    for name in ("containers", "initContainers", "volumes"):
        if before["spec"].get(name) != after["spec"].get(name):
            operations.append({"op": "add", "path": f"/spec/{name}", "value": after["spec"][name]})
    was, now = (p.get("metadata", {}).get("annotations") for p in (before, after))
    if was != now:
        operations.append({"op": "add", "path": "/metadata/annotations", "value": now})
    return operations


def is_guaranteed(spec: Object) -> bool:
    """Whether the pod's QoS class is Guaranteed: cpu and memory limits everywhere, requests equal
    (left out, they are); kubernetes.io/docs/concepts/workloads/pods/pod-qos."""
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        resources = container.get("resources", {})
        limits = resources.get("limits", {})
        requests = {**limits, **resources.get("requests", {})}
        for name in ("cpu", "memory"):
            if name not in limits or requests[name] != limits[name]:
                return False
    return True


def default_health(container: Object) -> Health | None:
    """The container's readiness probe as a Health, its ports by number."""
    probe = container.get("readinessProbe") or {}
    ports = {p["name"]: p["containerPort"] for p in container.get("ports", []) if "name" in p}

    def number(port: int | str) -> int:
        return port if isinstance(port, int) else ports.get(port, 0)

    get, tcp = probe.get("httpGet"), probe.get("tcpSocket")
    health = Health(timeout_seconds=probe.get("timeoutSeconds", 1))
    if get and number(get["port"]):
        headers = {h["name"]: h["value"] for h in get.get("httpHeaders", [])}
        http_get = HttpGet(
            path=get.get("path") or "/",
            port=number(get["port"]),
            scheme=get.get("scheme", "HTTP"),
            headers=headers,
        )
        return msgspec.structs.replace(health, http_get=http_get)
    if tcp and number(tcp["port"]):
        return msgspec.structs.replace(health, tcp_socket=TcpSocket(port=number(tcp["port"])))
    return None


def _app(spec: Object, wanted: HotUpgradeSpec) -> Object:
    names = [c["name"] for c in spec["containers"]]
    if not wanted.container and len(names) > 1:
        raise NotInjected(f"cannot inject: spec.container must be one of {', '.join(names)}")
    name = wanted.container or names[0]
    if name not in names:
        raise NotInjected(f"cannot inject: spec.container is {name}; the pod has {names}")
    found: Object = next(c for c in spec["containers"] if c["name"] == name)
    return found


def _captured_before_its_proxy(spec: Object) -> bool:
    """Whether traffic goes to an istio-proxy that starts only after every init container."""
    names = [c["name"] for c in spec.get("initContainers", [])]
    return ISTIO_VALIDATION in names and ISTIO_PROXY not in names


def _after_istio(init: list[Object]) -> int:
    """Behind a native istio-proxy: boot's fetch may need it."""
    for index, container in enumerate(init):
        if container["name"] == ISTIO_PROXY and container.get("restartPolicy") == "Always":
            return index + 1
    return 0


def _launcher_env(image: str) -> list[Object]:
    return [
        {"name": layout.ENV_SOCKET, "value": layout.SOCKET_PATH},
        {"name": layout.ENV_STORE, "value": layout.STORE_PATH},
        {"name": layout.ENV_IMAGE, "value": image},
        {"name": layout.ENV_PEER_UIDS, "value": "any"},
    ]


def _volumes(what: Injection) -> list[Object]:
    token = {"path": "token", "audience": AUDIENCE, "expirationSeconds": TOKEN_SECONDS}
    return [
        {
            "name": layout.STORE_VOLUME,
            "emptyDir": {"sizeLimit": str(what.store_limit_bytes)},
        },
        {"name": layout.SOCKET_VOLUME, "emptyDir": {}},
        {"name": layout.NO_TOKEN_VOLUME, "emptyDir": {}},
        {
            "name": layout.TOKEN_VOLUME,
            "projected": {"sources": [{"serviceAccountToken": token}]},
        },
    ]


def _field(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _ours(what: Injection, name: str, guaranteed: bool) -> Object:
    """What boot and agent have in common. Requests always: an HPA fails on a pod without."""
    resources: Object = {"requests": dict(AGENT_RESOURCES)}
    if guaranteed:
        resources["limits"] = dict(AGENT_RESOURCES)
    return {
        "name": name,
        "image": what.image,
        "imagePullPolicy": what.pull_policy,
        "securityContext": {**SECURITY, "runAsUser": AGENT_UID},
        "resources": resources,
        "env": [
            _field(layout.ENV_POD_NAME, "metadata.name"),
            _field(layout.ENV_POD_NAMESPACE, "metadata.namespace"),
            _field(layout.ENV_POD_UID, "metadata.uid"),
            {"name": layout.ENV_HOT_UPGRADE_UID, "value": what.uid},
            {"name": layout.ENV_STORE_LIMIT, "value": str(what.store_limit_bytes)},
            {"name": layout.ENV_CA_BUNDLE, "value": what.ca_bundle},
            {"name": layout.ENV_BOOT, "value": msgspec.json.encode(what.boot).decode()},
        ],
        "volumeMounts": [
            {"name": layout.STORE_VOLUME, "mountPath": layout.STORE_PATH},
            # What is of the app's identity is not for us.
            {"name": layout.NO_TOKEN_VOLUME, "mountPath": layout.API_TOKEN_DIR, "readOnly": True},
        ],
    }


def _boot(what: Injection, guaranteed: bool) -> Object:
    container = _ours(what, layout.BOOT_CONTAINER, guaranteed)
    return {**container, "command": ["hotupgrade-agent", "boot"]}


def _agent(what: Injection, app: Object, guaranteed: bool) -> Object:
    container = _ours(what, layout.AGENT_CONTAINER, guaranteed)
    health = HealthDefault(health=default_health(app))
    supervise = ["hotupgrade-launcher", "supervise", "--memory-limit", str(AGENT_MEMORY_CAP_BYTES)]
    return {
        **container,
        "restartPolicy": "Always",  # a native sidecar; KEP-753
        "command": [*supervise, "--", "hotupgrade-agent", "serve"],
        "ports": [
            {"name": "hotupgrade", "containerPort": what.agent_port},
            {"name": layout.METRICS_PORT_NAME, "containerPort": what.metrics_port},
        ],
        "env": [
            *container["env"],
            {"name": layout.ENV_AGENT_PORT, "value": str(what.agent_port)},
            {"name": layout.ENV_METRICS_PORT, "value": str(what.metrics_port)},
            {
                "name": layout.ENV_DEFAULT_HEALTH,
                "value": msgspec.json.encode(health).decode(),
            },
        ],
        "volumeMounts": [
            *container["volumeMounts"],
            {"name": layout.SOCKET_VOLUME, "mountPath": layout.SOCKET_DIR},
            {"name": layout.TOKEN_VOLUME, "mountPath": layout.TOKEN_DIR, "readOnly": True},
        ],
    }
