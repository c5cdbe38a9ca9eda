"""The chart's values: what is wrong is refused before it is installed, and all are described."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart import CHART, render

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
Node = dict[str, Any]


def resolved(node: Node) -> Node:
    name = node.get("$ref", "").rpartition("/")[2]
    return {**SCHEMA["$defs"][name], **node} if name else node


def properties(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    for name, part in resolved(node).get("properties", {}).items():
        yield f"{path}.{name}", resolved(part)
        yield from properties(part, f"{path}.{name}")


def refusal(*values: str, registry: str = "image.registry=example.com") -> str:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        render(*values, registry=registry)
    stderr: str = caught.value.stderr
    return stderr


@pytest.mark.parametrize(
    "value",
    [
        "replicas=3",
        "operator.replica=3",
        "operator.replicas=0",
        "operator.replicas=two",
        "operator.resources.limits.gpu=1",
        "image.pullPolicy=Sometimes",
        "image.operator.tag=a:b",
        "image.agent.digest=sha256:12",
        "image.agent.name=x",
        "agent.port=0",
        "agent.resources.limits.gpu=1",
        "agent.imagePullSecrets={A b}",
        "agent.storeLimitBytes=1Gi",
        "networkPolicy.apiServer.cidrs={10.0.0.1}",
        "networkPolicy.apiServer.ports=",
        "crds.keep=maybe",
        "analysis.prometheus.allowedHosts={a b}",
        "analysis.prometheus.ports={0}",
    ],
)
def test_nonsense_is_refused_and_named(value: str) -> None:
    key = value.partition("=")[0].split(".")[-1]
    assert key in refusal(value)


def test_a_registry_must_be_named() -> None:
    assert "set image.registry" in refusal(registry="image.registry=")


def test_an_older_kubernetes_is_refused() -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        render(kubernetes="1.33.9")
    assert "kubeVersion" in caught.value.stderr


def test_every_value_is_described_and_every_object_is_closed() -> None:
    assert SCHEMA["additionalProperties"] is False
    open_ones = {".global", ".operator.affinity"}
    for path, node in properties(SCHEMA):
        assert node.get("description"), path
        if node.get("type") == "object" and path not in open_ones:
            assert "additionalProperties" in node, path


def test_every_value_that_may_be_set_is_shown_with_its_default() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for path, _ in properties(SCHEMA):
        found = values
        for part in path.removeprefix(".").split("."):
            assert part in found or path == ".global", path
            found = found.get(part)


def test_charts_of_charts_may_pass_their_globals() -> None:
    render("global.imageRegistry=example.com")
