"""deploy/examples: what a user copies is whole, valid, and says what the operator will do."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import msgspec
import pytest
import yaml

from hotupgrade_api import crd
from hotupgrade_api.resource import KIND, LABEL_NAME, HotUpgradeSpec
from hotupgrade_operator.validation import invalid, not_implemented
from tests.pod_security import violations

FOLDER = Path(__file__).resolve().parents[2] / "deploy/examples"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.yaml"))
SCHEMA = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
Object = dict[str, Any]


def unknown_fields(value: Any, schema: Object, path: str = "") -> list[str]:
    """The fields that the API server would drop: msgspec, too, ignores what it does not know."""
    if isinstance(value, list):
        return [u for part in value for u in unknown_fields(part, schema["items"], f"{path}[]")]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    found = []
    for name, part in value.items():
        known = schema["properties"].get(name)
        found += (
            [f"{path}.{name}"] if known is None else unknown_fields(part, known, f"{path}.{name}")
        )
    return found


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


def test_a_field_that_is_misspelt_would_be_found() -> None:
    wrong = {"spec": {"handoff": {"stopsignal": "SIGQUIT"}, "strategy": {"steps": [{"wait": 1}]}}}
    assert unknown_fields(wrong, SCHEMA) == [
        ".spec.handoff.stopsignal",
        ".spec.strategy.steps[].wait",
    ]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_field_is_in_the_api(example: str) -> None:
    assert unknown_fields(hot_upgrade(example), SCHEMA) == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_operator_accepts_it(example: str) -> None:
    assert not_implemented(spec(example)) == []
    assert invalid(spec(example)) == ""


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_pods_take_part_and_the_artifact_stands_for_a_word_of_their_command(
    example: str,
) -> None:
    template = workload(example)["spec"]["template"]
    labels = template["metadata"]["labels"]
    assert labels[LABEL_NAME] == hot_upgrade(example)["metadata"]["name"]
    assert LABEL_NAME not in workload(example)["spec"]["selector"]["matchLabels"]
    artifact = spec(example).artifact
    assert artifact and artifact.replaces in template["spec"]["containers"][0]["command"]


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
