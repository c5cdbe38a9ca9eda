"""Nobody gets more rights by writing a HotUpgrade than he has: what it would have the operator do,
its author must be allowed to do himself."""

from typing import Any

import pytest

from hotupgrade_api.resource import ANNOTATION_REQUEST
from tests.e2e import manifests
from tests.e2e.cluster import Object
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.wrong_input import GATEWAY, ISTIO, changed

WRITER, OWNER = "writer", "owner"  # may write HotUpgrades; may do what they delegate, too
HOT_ONLY = {"spec.strategy.type": "HotOnly"}
DELEGATES: dict[str, tuple[dict[str, Any], str]] = {
    "a rollout": ({}, "may have Deployment web rolled, which you may not patch; HotOnly"),
    "an ordinary rollout": ({"spec.strategy.type": "RollingUpdate"}, "which you may not patch"),
    "Istio's routes": ({**HOT_ONLY, "spec.trafficRouting": ISTIO}, "a VirtualService that you may"),
    "Gateway API's routes": ({**HOT_ONLY, "spec.trafficRouting": GATEWAY}, "an HTTPRoute that you"),
    "policies": ({**HOT_ONLY, "spec.networkPolicy.mode": "Manage"}, "Verify or Ignore is right"),
    "autoscaling": ({**HOT_ONLY, "spec.autoscaling.mode": "Hold"}, "Ignore is right"),
}
RIGHT = manifests.hot_upgrade("web", GO, Options(), None)


def rule(group: str, resources: list[str], verbs: list[str], *names: str) -> Object:
    whole = {"apiGroups": [group], "resources": resources, "verbs": verbs}
    return {**whole, "resourceNames": list(names)} if names else whole


HOT_UPGRADES = rule("hotupgrade.io", ["hotupgrades"], ["get", "create", "update", "patch"])
RULES = {
    WRITER: [HOT_UPGRADES],
    OWNER: [
        HOT_UPGRADES,
        rule("apps", ["deployments"], ["patch"], "web"),
        rule("networking.istio.io", ["virtualservices", "destinationrules"], ["patch"]),
        rule("gateway.networking.k8s.io", ["httproutes"], ["patch"]),
        rule("networking.k8s.io", ["networkpolicies"], ["create", "delete"]),
        rule("autoscaling", ["horizontalpodautoscalers"], ["patch"]),
    ],
}


def granted(user: str, rules: list[Object]) -> list[Object]:
    api = "rbac.authorization.k8s.io"
    whole = {"apiVersion": f"{api}/v1", "metadata": {"name": user}}
    role = {"apiGroup": api, "kind": "Role", "name": user}
    subject = {"apiGroup": api, "kind": "User", "name": user}
    binding = {"kind": "RoleBinding", "roleRef": role, "subjects": [subject]}
    return [{**whole, "kind": "Role", "rules": rules}, {**whole, **binding}]


@pytest.fixture(scope="module")
def authors(operator: Namespace) -> Namespace:
    """Where the one may write HotUpgrades only, and the other what they delegate."""
    name = "authors"
    operator.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    namespace = Namespace(operator.cluster, name)
    for user, rules in RULES.items():
        namespace.apply(*granted(user, rules))
    return namespace


@pytest.mark.parametrize("what", DELEGATES)
def test_what_the_author_may_not_do_himself_is_refused(what: str, authors: Namespace) -> None:
    changes, why = DELEGATES[what]
    answer = authors.refusal(changed(RIGHT, changes), f"--as={WRITER}")
    assert "hotupgrade-authors" in answer
    assert why in answer


@pytest.mark.parametrize("what", DELEGATES)
def test_what_the_author_may_do_himself_is_admitted(what: str, authors: Namespace) -> None:
    assert authors.refusal(changed(RIGHT, DELEGATES[what][0]), f"--as={OWNER}") == ""


def test_what_delegates_nothing_is_admitted(authors: Namespace) -> None:
    assert authors.refusal(changed(RIGHT, HOT_ONLY), f"--as={WRITER}") == ""


def test_the_right_to_one_workload_is_none_to_another(authors: Namespace) -> None:
    other = changed(RIGHT, {"spec.workloadRef.name": "other"})
    assert "Deployment other rolled, which you may not" in authors.refusal(other, f"--as={OWNER}")


def test_another_cannot_change_what_an_owner_delegated_but_may_make_requests(
    authors: Namespace,
) -> None:
    authors.apply(RIGHT)
    answer = authors.refusal(changed(RIGHT, {"spec.paused": True}), f"--as={WRITER}")
    assert "which you may not patch" in answer
    request = f"{ANNOTATION_REQUEST}=promote/1"
    authors.kubectl("annotate", "hotupgrade", "web", request, f"--as={WRITER}")
