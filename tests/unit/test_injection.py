"""What injection makes of a pod, and what it leaves alone with a word on why."""

import copy
from typing import Any

import msgspec
import pytest

from hotupgrade_api import pod_layout as layout
from hotupgrade_api.agent_messages import BootConfig, HealthDefault
from hotupgrade_api.resource import HotUpgradeSpec, WorkloadRef
from hotupgrade_operator.injection import Injection, NotInjected, inject, is_guaranteed, patch

WORKLOAD = WorkloadRef(api_version="apps/v1", kind="Deployment", name="web")
Pod = dict[str, Any]


def what(**spec: Any) -> Injection:
    return Injection(
        uid="u",
        spec=HotUpgradeSpec(workload_ref=WORKLOAD, **spec),
        boot=BootConfig(revision="r1"),
        ca_bundle="PEM",
        image="agent:1",
    )


def pod(**container: Any) -> Pod:
    app = {"name": "web", "image": "app:1", "command": ["/app/server", "-v"], **container}
    return {"metadata": {"name": "web-1"}, "spec": {"containers": [app]}}


def by_name(items: list[Pod], name: str) -> Pod:
    return next(item for item in items if item["name"] == name)


def test_command_is_prefixed_and_arguments_stay() -> None:
    after = inject(pod(args=["--port", "8080"]), what())
    app = after["spec"]["containers"][0]
    assert app["command"] == [
        "/hotupgrade/store/bin/hotupgrade-launcher",
        *("run", "--", "/app/server", "-v"),
    ]
    assert app["args"] == ["--port", "8080"]
    assert {e["name"]: e["value"] for e in app["env"]}[layout.ENV_IMAGE] == "app:1"


def test_app_can_read_the_store_but_not_write_it_and_has_no_token() -> None:
    app = inject(pod(), what())["spec"]["containers"][0]
    mounts = {m["name"]: m for m in app["volumeMounts"]}
    assert mounts[layout.STORE_VOLUME]["readOnly"] is True
    assert layout.TOKEN_VOLUME not in mounts


def test_containers_of_ours_get_no_token_for_the_api_server() -> None:
    spec = inject(pod(), what())["spec"]
    assert by_name(spec["volumes"], layout.NO_TOKEN_VOLUME)["emptyDir"] == {}
    for container in spec["initContainers"]:
        mount = by_name(container["volumeMounts"], layout.NO_TOKEN_VOLUME)
        assert mount["mountPath"] == layout.API_TOKEN_DIR
    assert layout.NO_TOKEN_VOLUME not in {m["name"] for m in spec["containers"][0]["volumeMounts"]}


def test_containers_of_ours_are_restricted_and_the_agent_is_a_native_sidecar() -> None:
    init = inject(pod(), what())["spec"]["initContainers"]
    assert [c["name"] for c in init] == [layout.BOOT_CONTAINER, layout.AGENT_CONTAINER]
    for container in init:
        context = container["securityContext"]
        assert context["runAsNonRoot"] and context["readOnlyRootFilesystem"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not context["allowPrivilegeEscalation"]
        assert "livenessProbe" not in container
        assert "readinessProbe" not in container
    agent = by_name(init, layout.AGENT_CONTAINER)
    assert agent["restartPolicy"] == "Always"
    assert agent["command"][:2] == ["hotupgrade-launcher", "supervise"]


@pytest.mark.parametrize(
    ("resources", "guaranteed"),
    [
        ({}, False),
        ({"requests": {"cpu": "1", "memory": "1Gi"}}, False),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, True),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, False),
        ({"limits": {"memory": "1Gi"}}, False),
    ],
)
def test_qos_class_stays_what_it_was(resources: Pod, guaranteed: bool) -> None:
    before = pod(resources=resources)
    assert is_guaranteed(before["spec"]) is guaranteed
    after = inject(before, what())["spec"]
    assert is_guaranteed(after) is guaranteed
    assert all(c["resources"]["requests"] for c in after["initContainers"])


def test_readiness_probe_becomes_the_default_health_with_its_port_by_number() -> None:
    probe = {"httpGet": {"path": "/health", "port": "http"}}
    ports = [{"name": "http", "containerPort": 8080}]
    init = inject(pod(readinessProbe=probe, ports=ports), what())["spec"]["initContainers"]
    env = {e["name"]: e.get("value", "") for e in by_name(init, layout.AGENT_CONTAINER)["env"]}
    health = msgspec.json.decode(env[layout.ENV_DEFAULT_HEALTH], type=HealthDefault).health
    assert health is not None
    assert health.http_get is not None
    assert (health.http_get.path, health.http_get.port) == ("/health", 8080)


def test_boot_comes_after_a_native_istio_proxy() -> None:
    before = pod()
    before["spec"]["initContainers"] = [
        {"name": "istio-proxy", "restartPolicy": "Always"},
        {"name": "migrate"},
    ]
    names = [c["name"] for c in inject(before, what())["spec"]["initContainers"]]
    assert names == ["istio-proxy", layout.BOOT_CONTAINER, layout.AGENT_CONTAINER, "migrate"]


def test_again_changes_nothing_and_the_input_is_not_changed() -> None:
    before = pod()
    untouched = copy.deepcopy(before)
    once = inject(before, what())
    assert before == untouched
    assert inject(once, what()) == once
    assert patch(once, once) == []
    assert [o["path"] for o in patch(before, once)] == [
        *("/spec/containers", "/spec/initContainers", "/spec/volumes", "/metadata/annotations")
    ]


def test_command_of_the_spec_stands_in_where_the_pod_sets_none() -> None:
    before = pod()
    del before["spec"]["containers"][0]["command"]
    with pytest.raises(NotInjected, match=r"set its command, or spec\.command"):
        inject(before, what())
    app = inject(before, what(command=["/srv"]))["spec"]["containers"][0]
    assert app["command"][-1] == "/srv"


def test_pod_that_cannot_be_upgraded_hot_is_refused_with_the_reason() -> None:
    before = pod()
    before["spec"]["hostNetwork"] = True
    with pytest.raises(NotInjected, match="hostNetwork"):
        inject(before, what())
    captured = pod()
    captured["spec"]["initContainers"] = [{"name": "istio-validation"}]
    with pytest.raises(NotInjected, match="native sidecars"):
        inject(captured, what())
    two = pod()
    two["spec"]["containers"].append({"name": "log", "image": "log:1"})
    with pytest.raises(NotInjected, match="one of web, log"):
        inject(two, what())
    with pytest.raises(NotInjected, match=r"spec\.container is nope"):
        inject(pod(), what(container="nope"))
