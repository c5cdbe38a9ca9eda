"""What injection makes of a pod, and what it leaves alone with a word on why."""

import copy
import dataclasses
from typing import Any

import msgspec
import pytest

from hotupgrade_api import pod_layout as layout
from hotupgrade_api.agent_messages import BootConfig, HealthDefault
from hotupgrade_api.injection_record import InjectionRecord
from hotupgrade_api.resource import ANNOTATION_INJECTED, HotUpgradeSpec, WorkloadRef
from hotupgrade_operator.injected_containers import Injection
from hotupgrade_operator.injection import NotInjected, inject, patch

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


def record(pod: Pod) -> InjectionRecord:
    text = pod["metadata"]["annotations"][ANNOTATION_INJECTED]
    return msgspec.json.decode(text, type=InjectionRecord)


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


def test_default_health_and_what_it_lacks_are_written_where_agent_and_people_look() -> None:
    after = inject(pod(readinessProbe={"tcpSocket": {"port": 8080}}), what())
    agent = by_name(after["spec"]["initContainers"], layout.AGENT_CONTAINER)
    env = {e["name"]: e.get("value", "") for e in agent["env"]}
    health = msgspec.json.decode(env[layout.ENV_DEFAULT_HEALTH], type=HealthDefault).health
    assert health is not None
    assert health.tcp_socket is not None
    assert record(after).health == ""
    assert "no readiness probe" in record(inject(pod(), what())).health


@pytest.mark.parametrize(
    ("context", "user"),
    [
        ({}, None),
        ({"securityContext": {"runAsUser": 1000}}, None),
        ({"securityContext": {"runAsUser": 0}}, 65532),
        ({"securityContext": {"runAsUser": 1000}, "shareProcessNamespace": True}, 65532),
        ({"shareProcessNamespace": True}, None),
    ],
    ids=["image's", "pod's", "not root", "not the app's where processes are shared", "own anyway"],
)
def test_user_is_named_only_where_the_pods_own_would_not_do(context: Pod, user: int | None) -> None:
    before = pod()
    before["spec"] |= context
    for container in inject(before, what())["spec"]["initContainers"]:
        assert container["securityContext"].get("runAsUser") == user


def test_pull_secrets_are_added_to_the_pods_own() -> None:
    before = pod()
    before["spec"]["imagePullSecrets"] = [{"name": "mine"}]
    chosen = dataclasses.replace(what(), pull_secrets=("mine", "agents"))
    after = inject(before, chosen)
    assert after["spec"]["imagePullSecrets"] == [{"name": "mine"}, {"name": "agents"}]
    assert "/spec/imagePullSecrets" in [o["path"] for o in patch(before, after)]
    assert "imagePullSecrets" not in inject(pod(), what())["spec"]


def test_pythons_cap_is_below_the_containers_memory_limit() -> None:
    agent = inject(pod(), what())["spec"]["initContainers"][1]
    cap = agent["command"][agent["command"].index("--memory-limit") + 1]
    assert int(cap) == 80 << 20


def test_boot_comes_after_a_native_istio_proxy() -> None:
    before = pod()
    before["spec"]["initContainers"] = [
        {"name": "istio-proxy", "restartPolicy": "Always"},
        {"name": "migrate"},
    ]
    names = [c["name"] for c in inject(before, what())["spec"]["initContainers"]]
    assert names == ["istio-proxy", layout.BOOT_CONTAINER, layout.AGENT_CONTAINER, "migrate"]


def test_input_is_not_changed_and_the_patch_names_what_did() -> None:
    before = pod()
    untouched = copy.deepcopy(before)
    once = inject(before, what())
    assert before == untouched
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
    for windows in ({"os": {"name": "windows"}}, {"nodeSelector": {"kubernetes.io/os": "windows"}}):
        before = pod()
        before["spec"] |= windows
        with pytest.raises(NotInjected, match="os is windows"):
            inject(before, what())
    two = pod()
    two["spec"]["containers"].append({"name": "log", "image": "log:1"})
    with pytest.raises(NotInjected, match="one of web, log"):
        inject(two, what())
    with pytest.raises(NotInjected, match=r"spec\.container is nope"):
        inject(pod(), what(container="nope"))
