"""The operator's identity, used by somebody else, cannot have the API server ask another webhook,
or ask it about other objects.

As in test_operator_is_confined: what refuses is the admission policy alone.
"""

import json
from typing import Any

import pytest

from tests.e2e.namespace import Namespace
from tests.e2e.test_operator_is_confined import AS_OPERATOR

CLIENT = "/webhooks/0/clientConfig"
ONLY_THE_BUNDLE = "may change only the caBundle"
REFUSED: dict[str, tuple[str, str, Any, str]] = {
    "another server": ("replace", CLIENT, {"url": "https://example.com/"}, ONLY_THE_BUNDLE),
    "another namespace": ("replace", f"{CLIENT}/service/namespace", "default", ONLY_THE_BUNDLE),
    "all objects": ("replace", "/webhooks/0/rules/0/resources", ["*"], ONLY_THE_BUNDLE),
    "all pods": ("replace", "/webhooks/0/objectSelector", {}, ONLY_THE_BUNDLE),
    "no pod without it": ("replace", "/webhooks/0/failurePolicy", "Fail", ONLY_THE_BUNDLE),
    "none": ("replace", "/webhooks", [], ONLY_THE_BUNDLE),
    "a label": ("add", "/metadata/labels/team", "x", "the metadata of its webhook"),
}


def patch(operator: Namespace, operation: str, path: str, value: Any) -> None:
    change = json.dumps([{"op": operation, "path": path, "value": value}])
    what = ("mutatingwebhookconfiguration", "hotupgrade", "--type=json", "--patch", change)
    operator.cluster.kubectl("patch", *what, "--dry-run=server", *AS_OPERATOR)


@pytest.mark.parametrize("what", REFUSED)
def test_nothing_but_the_bundle_is_changed(what: str, operator: Namespace) -> None:
    operation, path, value, why = REFUSED[what]
    with pytest.raises(AssertionError, match=why):
        patch(operator, operation, path, value)


def test_the_bundle_is_changed(operator: Namespace) -> None:
    name = ("get", "mutatingwebhookconfiguration", "hotupgrade", "--output=json")
    found = json.loads(operator.cluster.kubectl(*name))
    bundle = found["webhooks"][0]["clientConfig"]["caBundle"]
    patch(operator, "replace", f"{CLIENT}/caBundle", bundle)
    patch(operator, "remove", f"{CLIENT}/caBundle", None)
