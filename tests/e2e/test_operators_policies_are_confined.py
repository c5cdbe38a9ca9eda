"""The operator's identity, used by somebody else, cannot shut anybody's network.

As in test_operator_is_confined: what refuses is the admission policy alone.
"""

import json

import pytest

from hotupgrade_api.resource import LABEL_NAME
from hotupgrade_operator.own_policies import MANAGED_BY, MANAGER
from tests.e2e.cluster import Object
from tests.e2e.namespace import Namespace
from tests.e2e.test_operator_is_confined import AS_OPERATOR

USERS = "users"
BESIDE = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "name": USERS,
    "uid": "00000000-0000-4000-8000-000000000000",
}
OWN_POLICY: Object = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {
        "name": "hotupgrade-web-ingress-0",
        "labels": {MANAGED_BY: MANAGER, LABEL_NAME: "web"},
        "ownerReferences": [BESIDE],
    },
    "spec": {"podSelector": {"matchLabels": {LABEL_NAME: "web"}}, "policyTypes": ["Ingress"]},
}
REFUSED_POLICIES: dict[str, tuple[str, Object, str]] = {
    "one that is not marked": ("metadata", {"labels": {LABEL_NAME: "web"}}, "of its own"),
    "one of another name": ("metadata", {"name": "users-2"}, "of its own"),
    "one that nobody owns": ("metadata", {"ownerReferences": []}, "beside another one"),
    "one for all pods": ("spec", {"podSelector": {}}, "one HotUpgrade"),
    "one for another's pods": (
        "spec",
        {"podSelector": {"matchLabels": {LABEL_NAME: "other"}}},
        "one HotUpgrade",
    ),
    "one for both directions": ("spec", {"policyTypes": ["Ingress", "Egress"]}, "one direction"),
}


@pytest.fixture(scope="module")
def users(operator: Namespace) -> Namespace:
    """A namespace with a user's NetworkPolicy."""
    name = "confined-policies"
    operator.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    namespace = Namespace(operator.cluster, name)
    namespace.apply({**OWN_POLICY, "metadata": {"name": USERS}})
    return namespace


@pytest.mark.parametrize("what", REFUSED_POLICIES)
def test_only_policies_beside_another_are_made(what: str, users: Namespace) -> None:
    part, change, why = REFUSED_POLICIES[what]
    with pytest.raises(AssertionError, match=why):
        make({**OWN_POLICY, part: {**OWN_POLICY[part], **change}}, users)


def test_one_beside_another_is_made_and_deleted(users: Namespace) -> None:
    """The operator itself deletes it: there is no HotUpgrade of that name."""
    beside = users.cluster.get("networkpolicy", users.name, USERS)
    assert beside is not None
    owner = {**BESIDE, "uid": beside["metadata"]["uid"]}  # without it, it would be collected
    metadata = {**OWN_POLICY["metadata"], "ownerReferences": [owner]}
    make({**OWN_POLICY, "metadata": metadata}, users)
    name = metadata["name"]
    users.until("it is deleted", lambda: not users.cluster.get("networkpolicy", users.name, name))


def test_policies_of_others_are_neither_changed_nor_deleted(users: Namespace) -> None:
    with pytest.raises(AssertionError, match="may not change"):
        users.kubectl("label", "networkpolicy", USERS, "team=x", *AS_OPERATOR)
    with pytest.raises(AssertionError, match="of its own"):
        users.kubectl("delete", "networkpolicy", USERS, *AS_OPERATOR)


def make(policy: Object, namespace: Namespace) -> None:
    where = ("--namespace", namespace.name)
    namespace.cluster.kubectl(*where, "create", "-f", "-", *AS_OPERATOR, stdin=json.dumps(policy))
