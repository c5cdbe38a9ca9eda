"""Pure: the objects that a user would write, in pods that run restricted."""

from dataclasses import dataclass, field
from typing import Any

from hotupgrade_api.resource import API_VERSION, GROUP, KIND, LABEL_NAME
from tests.cluster.images import names
from tests.e2e.cluster import Object

PORT = 8080
UID = 1000
POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": UID,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
NGINX_CONFIG = f"""\
worker_processes 2;
pid /tmp/nginx.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server {{
    listen {PORT} backlog=511;
    location / {{ return 200 "$nginx_version\\n"; }}
  }}
}}
"""
NGINX_CONFIG_NAME = "nginx-config"


@dataclass(frozen=True)
class Server:
    """A kind of app: an unmodified server in an image."""

    image: str
    program: str
    arguments: tuple[str, ...]
    stop_signal: str
    health: Object
    ready_path: str
    config_map: str = ""


GO = Server(
    image=names.APP_V1,
    program="/app/server",
    arguments=(f":{PORT}",),
    stop_signal="SIGTERM",
    health={
        "httpGet": {"path": "/health", "port": PORT},
        "expect": {"json": {"status": "UP"}},
        "periodSeconds": 0.3,
    },
    ready_path="/ready",
)
NGINX = Server(
    image=names.NGINX,
    program="/usr/sbin/nginx",
    arguments=("-c", "/etc/nginx-test/nginx.conf", "-g", "daemon off;"),
    stop_signal="SIGQUIT",
    health={"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 0.3},
    ready_path="/",
    config_map=NGINX_CONFIG_NAME,
)


@dataclass(frozen=True)
class Options:
    """What differs between tests. resources: the app container's. user: None names none."""

    replicas: int = 2
    user: int | None = UID
    resources: Object = field(default_factory=lambda: {"requests": {"memory": "32Mi"}})
    max_concurrent: int | str = 1
    steps: tuple[Object, ...] = ()
    handoff: Object = field(default_factory=dict)
    health: Object = field(default_factory=dict)


def nginx_config() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NGINX_CONFIG_NAME},
        "data": {"nginx.conf": NGINX_CONFIG},
    }


def deployment(name: str, server: Server, options: Options, kind: str = "Deployment") -> Object:
    """Or a StatefulSet or DaemonSet of the same pods."""
    labels = {"app": name, LABEL_NAME: name}
    spec: Object = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": labels},
            "spec": _pod_spec(name, server, options),
        },
    }
    if kind != "DaemonSet":
        spec["replicas"] = options.replicas
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def service(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": PORT}]},
    }


def hot_upgrade(
    name: str,
    server: Server,
    options: Options,
    artifact: Object | None,
    kind: str = "Deployment",
) -> Object:
    """Short times: a test waits for each of them."""
    handoff = {
        "readyTimeoutSeconds": 5,
        "rollbackWindowSeconds": 3,
        "drainSeconds": 5,
        "stopSignal": server.stop_signal,
        **options.handoff,
    }
    spec: Object = {
        "workloadRef": {"apiVersion": "apps/v1", "kind": kind, "name": name},
        "handoff": handoff,
        "health": {**server.health, **options.health},
        "strategy": {"maxConcurrent": options.max_concurrent, "steps": list(options.steps)},
    }
    if artifact is not None:
        spec["artifact"] = {**artifact, "replaces": server.program}
    return {
        "apiVersion": f"{GROUP}/{API_VERSION}",
        "kind": KIND,
        "metadata": {"name": name},
        "spec": spec,
    }


def single_pod(name: str, image: str, arguments: list[str], restart: str) -> Object:
    """A pod of the tests' own: a client, a file server."""
    container = {
        "name": name,
        "image": image,
        "imagePullPolicy": "Never",
        "args": arguments,
        "securityContext": CONTAINER_SECURITY,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": restart,
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": POD_SECURITY,
            "containers": [container],
        },
    }


def _pod_spec(name: str, server: Server, options: Options) -> Object:
    mounts = [{"name": "scratch", "mountPath": "/tmp"}]
    volumes: list[Any] = [{"name": "scratch", "emptyDir": {}}]
    if server.config_map:
        mounts.append({"name": "config", "mountPath": "/etc/nginx-test"})
        volumes.append({"name": "config", "configMap": {"name": server.config_map}})
    container = {
        "name": name,
        "image": server.image,
        "imagePullPolicy": "Never",
        "command": [server.program],
        "args": list(server.arguments),
        "ports": [{"name": "http", "containerPort": PORT}],
        "readinessProbe": {
            "httpGet": {"path": server.ready_path, "port": "http"},
            "periodSeconds": 1,
        },
        "resources": options.resources,
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": mounts,
    }
    return {
        "terminationGracePeriodSeconds": 5,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {**POD_SECURITY, "runAsUser": options.user},
        "containers": [container],
        "volumes": volumes,
    }
