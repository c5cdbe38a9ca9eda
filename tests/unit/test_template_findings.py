"""What a pod template holds that two processes in one container would meet."""

import json
from typing import Any

import pytest

from hotupgrade_operator.pod_template import read
from hotupgrade_operator.template_findings import template_findings

Object = dict[str, Any]


def found(app: Object, pod: Object | None = None, **workload: Any) -> list[tuple[str, str]]:
    """The check and the field of each that is no pass."""
    spec = {"containers": [{"name": "web", **app}], **(pod or {})}
    raw = json.dumps({"spec": {"template": {"spec": spec}, **workload}}).encode()
    template = read(raw)
    assert template is not None
    findings = template_findings(template, "")
    return [(f.check, f.field.split("].", 1)[1]) for f in findings if f.level != "Pass"]


def mount(name: str, **more: Any) -> Object:
    return {"volumeMounts": [{"name": name, "mountPath": "/data", **more}]}


CLAIM = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}]}
HOST = {"volumes": [{"name": "data", "hostPath": {"path": "/srv"}}]}
EMPTY = {"volumes": [{"name": "data", "emptyDir": {}}]}


@pytest.mark.parametrize("name", ["livenessProbe", "readinessProbe", "startupProbe"])
def test_probe_that_runs_in_the_container_meets_two_processes(name: str) -> None:
    assert found({name: {"exec": {"command": ["pgrep", "web"]}}}) == [("Probes", f"{name}.exec")]


@pytest.mark.parametrize("kind", ["httpGet", "tcpSocket", "grpc"])
def test_probe_that_asks_a_port_is_steered_like_any_connection(kind: str) -> None:
    assert found({"livenessProbe": {kind: {"port": 1}}}) == []


@pytest.mark.parametrize("kind", ["exec", "httpGet", "tcpSocket"])
def test_hook_that_asks_a_process_reaches_one_of_two(kind: str) -> None:
    hook: Object = {"lifecycle": {"preStop": {kind: {}}}}
    assert found(hook) == [("PreStopHooks", f"lifecycle.preStop.{kind}")]


def test_hook_that_sleeps_asks_nobody() -> None:
    assert found({"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}) == []


@pytest.mark.parametrize(
    ("app", "pod", "shared"),
    [
        (mount("data"), CLAIM, True),
        (mount("data"), HOST, True),
        (mount("data", readOnly=True), CLAIM, False),
        (mount("data"), EMPTY, False),
        ({}, CLAIM, False),
    ],
    ids=["claim", "hostPath", "read-only", "emptyDir", "of another container"],
)
def test_volume_that_outlives_the_pod_and_is_written_to_is_shared(
    app: Object, pod: Object, shared: bool
) -> None:
    assert found(app, pod) == ([("SharedVolumes", "volumeMounts[name=data]")] if shared else [])


def test_claim_of_a_stateful_set_is_a_volume_too() -> None:
    templates = [{"metadata": {"name": "data"}}]
    assert found(mount("data"), volumeClaimTemplates=templates) == [
        ("SharedVolumes", "volumeMounts[name=data]")
    ]


def test_port_that_is_not_tcp_is_not_handed_over() -> None:
    ports = {"ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 80}]}
    assert found(ports) == [("Ports", "ports[containerPort=53]")]


def test_only_the_container_that_is_upgraded_is_looked_at() -> None:
    other = {"name": "helper", "livenessProbe": {"exec": {}}}
    pod: Object = {"containers": [other, {"name": "web"}]}
    template = read(json.dumps({"spec": {"template": {"spec": pod}}}).encode())
    assert template is not None
    assert {f.level for f in template_findings(template, "web")} == {"Pass"}
    assert template_findings(template, "") == []  # which is meant is not known


@pytest.mark.parametrize("raw", [b"", b"[]", b'{"spec": {"template": 1}}'])
def test_what_is_no_workload_is_not_read(raw: bytes) -> None:
    assert read(raw) is None
