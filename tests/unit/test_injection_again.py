"""Istio's webhook and ours, in either order: the API server asks ours again after it."""

import copy

import msgspec
import pytest

from hotupgrade_api.injection_record import InjectionRecord
from hotupgrade_api.pod_layout import AGENT_CONTAINER, BOOT_CONTAINER
from hotupgrade_api.resource import ANNOTATION_INJECTED
from hotupgrade_operator.injection import NotInjected, inject, inject_again, is_injected, left_alone
from tests.unit.test_injection import Pod, pod, what

NATIVE_PROXY = {"name": "istio-proxy", "restartPolicy": "Always"}
PROXY = {"name": "istio-proxy", "image": "proxy:1"}
INIT = {"name": "istio-init"}
VALIDATION = {"name": "istio-validation"}
OURS = [BOOT_CONTAINER, AGENT_CONTAINER]


def with_istio(before: Pod, init: list[Pod], containers: list[Pod]) -> Pod:
    """As its injector does it: its init containers come first."""
    after = copy.deepcopy(before)
    after["spec"]["initContainers"] = [*init, *after["spec"].get("initContainers", [])]
    after["spec"]["containers"] += containers
    return after


def init_names(found: Pod) -> list[str]:
    return [c["name"] for c in found["spec"]["initContainers"]]


@pytest.mark.parametrize(
    ("init", "containers", "expected"),
    [
        ([INIT, NATIVE_PROXY], [], ["istio-init", "istio-proxy", *OURS]),
        ([VALIDATION, NATIVE_PROXY], [], ["istio-validation", "istio-proxy", *OURS]),
        # Before istio-init nothing is captured yet.
        ([INIT], [PROXY], [*OURS, "istio-init"]),
    ],
    ids=["native", "native with CNI", "ordinary"],
)
def test_boot_is_where_it_can_fetch_whoever_was_first(
    init: list[Pod], containers: list[Pod], expected: list[str]
) -> None:
    after_istio = inject(with_istio(pod(), init, containers), what())
    before_istio = inject_again(with_istio(inject(pod(), what()), init, containers))
    assert init_names(after_istio) == init_names(before_istio) == expected
    assert after_istio["spec"] == before_istio["spec"]


def test_pod_whose_proxy_starts_after_boot_is_refused_whoever_was_first() -> None:
    with pytest.raises(NotInjected, match="native sidecars"):
        inject(with_istio(pod(), [VALIDATION], [PROXY]), what())
    with pytest.raises(NotInjected, match="native sidecars"):
        inject_again(with_istio(inject(pod(), what()), [VALIDATION], [PROXY]))


def test_pod_that_is_refused_the_second_time_loses_everything_of_ours_but_the_note() -> None:
    with_env = pod(env=[{"name": "A", "value": "a"}], volumeMounts=[{"name": "v"}])
    for before in (pod(), with_env):
        injected = with_istio(inject(before, what()), [VALIDATION], [PROXY])
        after = left_alone(injected, "why")
        assert not is_injected(after)
        plain = with_istio(before, [VALIDATION], [PROXY])
        assert without_empty(after["spec"]) == without_empty(plain["spec"])
        noted = after["metadata"]["annotations"][ANNOTATION_INJECTED]
        assert msgspec.json.decode(noted, type=InjectionRecord) == InjectionRecord(refused="why")


def without_empty(value: object) -> object:
    if isinstance(value, dict):
        return {k: without_empty(v) for k, v in value.items() if v != []}
    return [without_empty(v) for v in value] if isinstance(value, list) else value


def test_again_changes_nothing_where_nobody_changed_anything() -> None:
    once = inject(pod(), what())
    assert inject_again(once) == once


def test_container_that_another_webhook_added_does_not_make_the_pod_refused() -> None:
    """Which container is meant was decided the first time."""
    once = with_istio(inject(pod(), what()), [], [{"name": "log", "image": "log:1"}])
    assert inject_again(once) == once


def test_left_alone_the_first_time_only_the_note_is_new() -> None:
    before = pod()
    assert left_alone(before, "why")["spec"] == before["spec"]
