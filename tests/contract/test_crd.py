"""The chart's CRD is what the types say, and a structural schema."""

from pathlib import Path
from typing import Any

from hotupgrade_api import crd

CHART = Path(__file__).resolve().parents[2] / "charts/hotupgrade/templates/crd.yaml"
SCHEMA = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def nodes(schema: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    found = [(path, schema)]
    for name, part in schema.get("properties", {}).items():
        found += nodes(part, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            found += nodes(schema[name], f"{path}.{name}")
    return found


def test_chart_holds_what_the_types_say() -> None:
    assert CHART.read_text() == crd.render(), "stale: run `make crd`"


def test_schema_is_structural() -> None:
    for path, node in nodes(SCHEMA):
        scalar_union = node.get("x-kubernetes-int-or-string")
        anything = node.get("x-kubernetes-preserve-unknown-fields")
        assert node.get("type") or scalar_union or anything, path
        assert "$ref" not in node, path
        assert not ("properties" in node and "additionalProperties" in node), path


def test_rules_stand_where_one_field_depends_on_another() -> None:
    ruled = {path for path, node in nodes(SCHEMA) if "x-kubernetes-validations" in node}
    assert ".spec.workloadRef" in ruled
    assert ".spec.artifact" in ruled
    assert ".spec.artifact.source" in ruled
    assert ".spec.artifact.platforms.additionalProperties.source" in ruled
    assert ".spec.strategy.steps.items" in ruled


def test_required_fields_are_those_without_a_default() -> None:
    assert SCHEMA["properties"]["spec"]["required"] == ["workloadRef"]


def test_rules_stand_in_bounded_lists_and_maps_only() -> None:
    """The API server refuses a CRD whose rules might be evaluated without bound."""
    found = dict(nodes(SCHEMA))
    for path, node in found.items():
        if "x-kubernetes-validations" not in node:
            continue
        parts = path.split(".")
        for index, part in enumerate(parts):
            above = found[".".join(parts[:index])] if index else {}
            assert part != "items" or "maxItems" in above, path
            assert part != "additionalProperties" or "maxProperties" in above, path


def test_no_rule_stands_in_the_status() -> None:
    rules = "x-kubernetes-validations"
    assert not [path for path, n in nodes(SCHEMA["properties"]["status"]) if rules in n]
