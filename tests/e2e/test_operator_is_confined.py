"""The operator's identity, used by somebody else, cannot move or rewrite a pod.

The calls are made as the operator's ServiceAccount and, by impersonation, as a cluster
administrator: RBAC allows everything then, and what refuses is the admission policy alone.
"""

import json

import pytest

from hotupgrade_api.resource import (
    ANNOTATION_ROLLED,
    ANNOTATION_VERSION,
    LABEL_NAME,
    LABEL_REVISION,
)
from tests.cluster.images import names
from tests.e2e import manifests
from tests.e2e.cluster import Object
from tests.e2e.manifests import single_pod
from tests.e2e.namespace import OPERATOR_NAMESPACE, Namespace

OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:hotupgrade-operator"
AS_OPERATOR = (f"--as={OPERATOR}", "--as-group=system:masters")
METADATA = "the operator may change only"
REFUSED: dict[str, tuple[Object, str]] = {
    "another label": ({"metadata": {"labels": {"app": "other"}}}, METADATA),
    "no label": ({"metadata": {"labels": {"app": None}}}, METADATA),
    "a new label": ({"metadata": {"labels": {"team": "x"}}}, METADATA),
    "another HotUpgrade": ({"metadata": {"labels": {LABEL_NAME: "other"}}}, METADATA),
    "another annotation": ({"metadata": {"annotations": {"team": "x"}}}, METADATA),
    "a finalizer": ({"metadata": {"finalizers": ["example.com/x"]}}, "holds its deletion"),
    "a deadline": ({"spec": {"activeDeadlineSeconds": 1}}, "a pod's spec"),
    "an image": ({"spec": {"containers": [{"name": "p", "image": names.APP_V5}]}}, "a pod's spec"),
}


def patch(namespace: Namespace, change: Object, *options: str) -> str:
    return namespace.kubectl(
        "patch", "pod", "p", "--type=strategic", "--patch", json.dumps(change), *options
    )


@pytest.fixture(scope="module")
def confined(operator: Namespace) -> Namespace:
    """A namespace with one pod; nothing in it is changed by what is refused."""
    name = "confined"
    operator.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    namespace = Namespace(operator.cluster, name)
    namespace.apply(single_pod("p", names.PAUSE, [], "Always"))
    return namespace


def test_what_runs_is_published_on_the_pod(confined: Namespace) -> None:
    labels, annotations = {LABEL_REVISION: "abc"}, {ANNOTATION_VERSION: "2"}
    change = {"metadata": {"labels": labels, "annotations": annotations}}
    assert patch(confined, change, *AS_OPERATOR)


@pytest.mark.parametrize("what", REFUSED)
def test_nothing_else_of_a_pod_changes(what: str, confined: Namespace) -> None:
    change, why = REFUSED[what]
    with pytest.raises(AssertionError, match=why):
        patch(confined, change, *AS_OPERATOR)


def test_an_administrator_is_not_confined(confined: Namespace) -> None:
    assert patch(confined, REFUSED["a new label"][0])


def deployment(confined: Namespace) -> None:
    confined.apply(manifests.deployment("d", manifests.GO, manifests.Options(replicas=0)))


def patch_workload(namespace: Namespace, change: Object) -> str:
    command = ("patch", "deployment", "d", "--type=merge", "--patch", json.dumps(change))
    return namespace.kubectl(*command, *AS_OPERATOR)


def template(change: Object) -> Object:
    return {"spec": {"template": change}}


REFUSED_OF_A_WORKLOAD: dict[str, tuple[Object, str]] = {
    "replicas": ({"spec": {"replicas": 5}}, "how a workload is run"),
    "paused": ({"spec": {"paused": True}}, "how a workload is run"),
    "a label": ({"metadata": {"labels": {"team": "x"}}}, "a workload's metadata"),
    "an annotation of the template": (
        template({"metadata": {"annotations": {"team": "x"}}}),
        "only the annotation hotupgrade.io/rolled-for",
    ),
    "what pods run": (
        template({"spec": {"terminationGracePeriodSeconds": 1}}),
        "what a workload's pods run",
    ),
}


def test_of_a_workload_the_annotation_that_rolls_it_may_change(confined: Namespace) -> None:
    deployment(confined)
    assert patch_workload(
        confined, template({"metadata": {"annotations": {ANNOTATION_ROLLED: "1"}}})
    )


@pytest.mark.parametrize("what", REFUSED_OF_A_WORKLOAD)
def test_nothing_else_of_a_workload_changes(what: str, confined: Namespace) -> None:
    deployment(confined)
    change, why = REFUSED_OF_A_WORKLOAD[what]
    with pytest.raises(AssertionError, match=why):
        patch_workload(confined, change)


def test_a_workload_is_not_scaled(confined: Namespace) -> None:
    deployment(confined)
    with pytest.raises(AssertionError, match="may not scale"):
        confined.kubectl("scale", "deployment/d", "--replicas=3", *AS_OPERATOR)
