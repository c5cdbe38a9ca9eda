"""What boot and agent may use: the pod's QoS class stays, quotas pass, the app's share stays."""

from typing import Any

import pytest

from hotupgrade_operator import agent_resources
from hotupgrade_operator.agent_resources import AgentResources
from hotupgrade_operator.injected_containers import Injection
from hotupgrade_operator.injection import inject
from hotupgrade_operator.qos import QosClass, qos_class
from tests.unit.test_injection import Pod, pod, what

ONE = {"cpu": "1", "memory": "1Gi"}
REQUESTS = {"cpu": "20m", "memory": "96Mi"}
LIMITS = {"cpu": "200m", "memory": "96Mi"}
STORE = str((2 << 30) + (64 << 20))


def spec(of_app: Pod, of_pod: Pod | None = None) -> Pod:
    found: Pod = pod(resources=of_app)["spec"]
    return found if of_pod is None else {**found, "resources": of_pod}


def injected(before: Pod, chosen: Injection | None = None) -> Pod:
    found: Pod = inject({"spec": before}, chosen or what())["spec"]
    return found


@pytest.mark.parametrize(
    ("before", "expected", "ours"),
    [
        (spec({}), QosClass.BEST_EFFORT, {}),
        (spec({"requests": {"cpu": "0"}}), QosClass.BEST_EFFORT, {}),
        (spec({"requests": ONE}), QosClass.BURSTABLE, {"requests": REQUESTS}),
        (
            spec({"limits": {"memory": "1Gi"}}),
            QosClass.BURSTABLE,
            {"requests": REQUESTS, "limits": {"memory": "96Mi"}},
        ),
        (
            spec({"limits": ONE, "requests": {"cpu": "500m"}}),
            QosClass.BURSTABLE,
            {"requests": REQUESTS, "limits": LIMITS},
        ),
        (spec({"limits": ONE}), QosClass.GUARANTEED, {"requests": LIMITS, "limits": LIMITS}),
        (
            spec({"limits": ONE, "requests": {"cpu": "1000m", "memory": "1073741824"}}),
            QosClass.GUARANTEED,
            {"requests": LIMITS, "limits": LIMITS},
        ),
        (
            spec({"limits": {"ephemeral-storage": "1Gi", "memory": "1Gi"}}),
            QosClass.BURSTABLE,
            {
                "requests": {**REQUESTS, "ephemeral-storage": "16Mi"},
                "limits": {"memory": "96Mi", "ephemeral-storage": STORE},
            },
        ),
        (
            spec({"requests": {"ephemeral-storage": "1Gi", "memory": "1Gi"}}),
            QosClass.BURSTABLE,
            {"requests": {**REQUESTS, "ephemeral-storage": "16Mi"}},
        ),
        (
            spec({"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "1"}}),
            QosClass.BURSTABLE,
            {"requests": REQUESTS},
        ),
        (
            spec({}, {"limits": ONE, "requests": ONE}),
            QosClass.GUARANTEED,
            {"requests": REQUESTS},
        ),
        (spec({}, {"requests": ONE}), QosClass.BURSTABLE, {"requests": REQUESTS}),
    ],
    ids=[
        *("best effort", "best effort: zero is none", "burstable without limits"),
        *("memory limited", "burstable with limits", "guaranteed", "guaranteed, other words"),
        *("scratch limited", "scratch requested", "extended resource"),
        *("of the pod, guaranteed", "of the pod, burstable"),
    ],
)
def test_qos_class_stays_and_limits_are_set_where_the_app_has_them(
    before: Pod, expected: QosClass, ours: dict[str, Any]
) -> None:
    assert qos_class(before) is expected
    after = injected(before)
    assert qos_class(after) is expected
    assert [c["resources"] for c in after["initContainers"]] == [ours, ours]


def test_pod_that_has_resources_of_its_own_gets_the_agents_on_top() -> None:
    burstable = spec({}, {"limits": {"memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}})
    assert injected(burstable)["resources"] == {
        "limits": {"memory": "1174405120"},
        "requests": {"cpu": "1020m", "memory": "1174405120"},
    }
    guaranteed = injected(spec({}, {"limits": ONE, "requests": ONE}))["resources"]
    assert (
        guaranteed["limits"] == guaranteed["requests"] == {"cpu": "1200m", "memory": "1174405120"}
    )


def test_init_container_without_limits_keeps_a_pod_from_being_guaranteed() -> None:
    before = {**spec({"limits": ONE}), "initContainers": [{"name": "migrate", "image": "m:1"}]}
    assert qos_class(before) is QosClass.BURSTABLE
    assert qos_class(injected(before)) is QosClass.BURSTABLE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"requests": {"cpu": "1", "memory": "96Mi"}}', "at most limits.cpu"),
        ('{"requests": {"cpu": "0", "memory": "96Mi"}}', "more than 0"),
        ('{"limits": {"cpu": "1", "memory": "1Gb"}}', "cannot read the quantity"),
        (
            '{"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1", "memory": "8Mi"}}',
            "64Mi or more",
        ),
        ('{"limits": {"cpu": "1", "memory": "1Gi", "gpu": "1"}}', "gpu"),
        ("{", "truncated"),
    ],
)
def test_wrong_setting_is_refused_with_what_is_right(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        agent_resources.read(text)


def test_nothing_given_is_the_default() -> None:
    assert agent_resources.read("{}") == AgentResources()
