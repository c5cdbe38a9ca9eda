"""Pure: boot and agent as containers, the volumes that they share with the app, and what the app's
own container gets."""

from dataclasses import dataclass
from typing import Any

import msgspec

from hotupgrade_api import pod_layout as layout
from hotupgrade_api.agent_messages import AUDIENCE, BootConfig, HealthDefault
from hotupgrade_api.resource import Health, HotUpgradeSpec
from hotupgrade_api.store_records import LAUNCHER
from hotupgrade_operator import agent_resources
from hotupgrade_operator.agent_resources import AgentResources

Object = dict[str, Any]

TOKEN_SECONDS = 3600
AGENT_UID = 65532  # the image's own USER
RUN = (f"{layout.STORE_PATH}/{LAUNCHER}", "run", "--")
APP_ENV = (layout.ENV_SOCKET, layout.ENV_STORE, layout.ENV_IMAGE, layout.ENV_PEER_UIDS)
APP_VOLUMES = (layout.STORE_VOLUME, layout.SOCKET_VOLUME)
VOLUMES = (*APP_VOLUMES, layout.NO_TOKEN_VOLUME, layout.TOKEN_VOLUME)
CONTAINERS = (layout.BOOT_CONTAINER, layout.AGENT_CONTAINER)

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
    pull_secrets: tuple[str, ...] = ()  # names of Secrets in the pod's namespace
    agent_port: int = layout.AGENT_PORT
    metrics_port: int = layout.METRICS_PORT
    store_limit_bytes: int = layout.STORE_LIMIT_BYTES
    resources: AgentResources = agent_resources.DEFAULT


def boot_and_agent(spec: Object, what: Injection, health: Health | None) -> list[Object]:
    """In their order. spec: of the pod, which has neither yet."""
    common = _common(spec, what)
    boot = {**common, "name": layout.BOOT_CONTAINER, "command": ["hotupgrade-agent", "boot"]}
    return [boot, _agent(common, what, health)]


def volumes(store_limit_bytes: int) -> list[Object]:
    token = {"path": "token", "audience": AUDIENCE, "expirationSeconds": TOKEN_SECONDS}
    return [
        {"name": layout.STORE_VOLUME, "emptyDir": {"sizeLimit": str(store_limit_bytes)}},
        {"name": layout.SOCKET_VOLUME, "emptyDir": {}},
        {"name": layout.NO_TOKEN_VOLUME, "emptyDir": {}},
        {
            "name": layout.TOKEN_VOLUME,
            "projected": {"sources": [{"serviceAccountToken": token}]},
        },
    ]


def with_launcher(app: Object, command: list[str]) -> Object:
    """The app's container, its command prefixed with the launcher."""
    values = (layout.SOCKET_PATH, layout.STORE_PATH, app["image"], "any")
    env = [{"name": name, "value": value} for name, value in zip(APP_ENV, values, strict=True)]
    mounts = [
        {"name": layout.STORE_VOLUME, "mountPath": layout.STORE_PATH, "readOnly": True},
        {"name": layout.SOCKET_VOLUME, "mountPath": layout.SOCKET_DIR},
    ]
    return {
        **app,
        "command": [*RUN, *command],
        "env": [*(app.get("env") or []), *env],
        "volumeMounts": [*(app.get("volumeMounts") or []), *mounts],
    }


def without_launcher(app: Object) -> Object:
    """The reverse. A container that has no launcher stays as it is."""
    command = app.get("command") or []
    if tuple(command[: len(RUN)]) != RUN:
        return app
    return {
        **app,
        "command": command[len(RUN) :],
        "env": [e for e in app["env"] if e["name"] not in APP_ENV],
        "volumeMounts": [m for m in app["volumeMounts"] if m["name"] not in APP_VOLUMES],
    }


def _common(spec: Object, what: Injection) -> Object:
    resources = agent_resources.of_container(spec, what.resources, what.store_limit_bytes)
    return {
        "image": what.image,
        "imagePullPolicy": what.pull_policy,
        "securityContext": {**SECURITY, **_user(spec)},
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


def _user(spec: Object) -> Object:
    """The image names its user, and OpenShift's restricted-v2 refuses a pod that names one outside
    of its namespace's range. So ours is named only where the pod's would not do: it is root, or,
    where all see each other's processes, the app's own, which could then read the agent's files."""
    of_pod = (spec.get("securityContext") or {}).get("runAsUser")
    if of_pod is None or (of_pod != 0 and not spec.get("shareProcessNamespace")):
        return {}
    return {"runAsUser": AGENT_UID}


def _agent(common: Object, what: Injection, health: Health | None) -> Object:
    cap = str(what.resources.memory_cap_bytes())
    supervise = ["hotupgrade-launcher", "supervise", "--memory-limit", cap]
    default = msgspec.json.encode(HealthDefault(health=health)).decode()
    return {
        **common,
        "name": layout.AGENT_CONTAINER,
        "restartPolicy": "Always",  # a native sidecar; KEP-753
        "command": [*supervise, "--", "hotupgrade-agent", "serve"],
        "ports": [
            {"name": "hotupgrade", "containerPort": what.agent_port},
            {"name": layout.METRICS_PORT_NAME, "containerPort": what.metrics_port},
        ],
        "env": [
            *common["env"],
            {"name": layout.ENV_AGENT_PORT, "value": str(what.agent_port)},
            {"name": layout.ENV_METRICS_PORT, "value": str(what.metrics_port)},
            {"name": layout.ENV_DEFAULT_HEALTH, "value": default},
        ],
        "volumeMounts": [
            *common["volumeMounts"],
            {"name": layout.SOCKET_VOLUME, "mountPath": layout.SOCKET_DIR},
            {"name": layout.TOKEN_VOLUME, "mountPath": layout.TOKEN_DIR, "readOnly": True},
        ],
    }


def _field(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
