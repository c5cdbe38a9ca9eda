"""deploy/examples: what a user copies is whole, valid, and says what the operator will do."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import msgspec
import pytest
import yaml

from hotupgrade_api.resource import KIND, LABEL_NAME, HotUpgradeSpec
from hotupgrade_kubectl.lint.document import documents as read
from hotupgrade_kubectl.lint.linter import lint
from tests.pod_security import violations

FOLDER = Path(__file__).resolve().parents[2] / "deploy/examples"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.yaml"))
Object = dict[str, Any]


def documents(example: str) -> list[Object]:
    return [found for found in yaml.safe_load_all((FOLDER / example).read_text()) if found]


def hot_upgrade(example: str) -> Object:
    (found,) = (d for d in documents(example) if d["kind"] == KIND)
    return found


def spec(example: str) -> HotUpgradeSpec:
    return msgspec.convert(hot_upgrade(example)["spec"], HotUpgradeSpec)


def workload(example: str) -> Object:
    ref = spec(example).workload_ref
    wanted = (ref.api_version, ref.kind, ref.name)
    (found,) = (
        d
        for d in documents(example)
        if (d["apiVersion"], d["kind"], d["metadata"]["name"]) == wanted
    )
    return found


def test_a_go_deployment_an_nginx_and_a_stateful_set_are_shown() -> None:
    kinds = {name: workload(name)["kind"] for name in EXAMPLES}
    assert kinds == {
        "chat-statefulset.yaml": "StatefulSet",
        "go-deployment.yaml": "Deployment",
        "nginx-deployment.yaml": "Deployment",
    }


@pytest.mark.parametrize("example", EXAMPLES)
def test_lint_finds_nothing_to_say(example: str) -> None:
    found, unreadable = read(example, (FOLDER / example).read_text())
    assert [*unreadable, *lint(found)] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_label_of_the_pods_is_not_in_the_selector(example: str) -> None:
    assert LABEL_NAME not in workload(example)["spec"]["selector"]["matchLabels"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_pods_are_restricted(example: str) -> None:
    pod = workload(example)["spec"]["template"]["spec"]
    assert violations(pod) == []
    assert all(c["securityContext"]["readOnlyRootFilesystem"] for c in pod["containers"])


@pytest.mark.parametrize("kubernetes", ["1.34", "1.37"])
@pytest.mark.parametrize("example", EXAMPLES)
def test_kubernetes_knows_every_field_of_the_rest(example: str, kubernetes: str) -> None:
    for document in documents(example):
        if document["kind"] != KIND:
            kubernetes_validate.validate(document, kubernetes, strict=True)


def test_nginx_is_stopped_by_the_signal_that_lets_it_finish() -> None:
    assert spec("nginx-deployment.yaml").handoff.stop_signal == "SIGQUIT"
