"""Writes the CustomResourceDefinition from the types: `python -m hotupgrade_api.crd FILE`.

msgspec's JSON schema becomes a structural schema (apiextensions.k8s.io/v1): references resolved,
null unions made optional fields, int-or-string marked, and CEL rules where one field depends on
another. What the API server can refuse, it refuses.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec
import yaml

from hotupgrade_api import resource
from hotupgrade_api.resource import HotUpgradeSpec
from hotupgrade_api.resource_status import HotUpgradeStatus

Schema = dict[str, Any]
Rules = dict[str, list[Schema]]  # by the type's name

HEAD = """{{- /* written by `make crd` from api/hotupgrade_api; change the types */}}
{{- if .Values.crds.enabled }}
"""
KEEP = """  {{- if .Values.crds.keep }}
  annotations: {helm.sh/resource-policy: keep}
  {{- end }}
"""
TAIL = "{{- end }}\n"


def _one_of(*names: str) -> Schema:
    count = " + ".join(f"(has(self.{name}) ? 1 : 0)" for name in names)
    return {
        "rule": f"{count} == 1",
        "message": f"exactly one of {', '.join(names)} is needed",
    }


KEPT = "is immutable: keep it as it was"
# What is of no such form is told in words. By the API server, too, where the text has a bound: it
# refuses a schema whose rules may cost too much, and else shows the expression alone.
FORMS = {
    "^(100|[1-9]?[0-9])%$": "a whole number, or 0% to 100%, is right",
    "^[0-9a-f]{64}$": "64 digits of 0-9 and a-f are right, as sha256sum prints them",
    "^https?://": "http://HOST/... or https://HOST/... is right",
    "^/": "a path that begins with / is right",
    r"^[^\x00-\x1f\x7f]*$": "a version has no control characters: one line of text is right",
}

# https://kubernetes.io/docs/reference/using-api/cel/
RULES: Rules = {
    "WorkloadRef": [
        {
            "rule": "self == oldSelf",
            "message": f"workloadRef {KEPT}, or make another HotUpgrade for another",
        }
    ],
    "SecretRef": [
        {"rule": "self == oldSelf", "message": f"secretRef {KEPT}, or take it out first"}
    ],
    "Source": [_one_of("http", "oci", "s3")],
    "Artifact": [
        _one_of("source", "platforms"),
        {
            "rule": "has(self.source) == has(self.sha256)",
            "message": "source and sha256 belong together: set both; with platforms, neither",
        },
        {
            "rule": "!has(self.signature) || has(self.secretRef)",
            "message": "signature names a key of secretRef, which is missing: set it, too",
        },
    ],
    "EgressRule": [
        {
            "rule": "has(self.cidr) != (has(self.namespaceLabels) || has(self.podLabels))",
            "message": "either cidr, or namespaceLabels and podLabels, are needed, and not both",
        },
        {
            "rule": "!has(self.namespaceLabels) || size(self.namespaceLabels) > 0",
            "message": "namespaceLabels is empty: leave it out for pods of this namespace",
        },
        {
            "rule": "!has(self.podLabels) || size(self.podLabels) > 0",
            "message": "podLabels is empty: leave it out for all pods of such namespaces",
        },
    ],
    "NetworkPolicy": [
        {
            "rule": "!has(self.egress) || size(self.egress) == 0 || "
            "has(self.mode) && self.mode == 'Manage'",
            "message": "egress is opened in mode Manage only: set that mode, or leave egress out",
        }
    ],
    "Step": [_one_of("setPods", "setWeight", "pause", "analysis")],
    "TrafficRouting": [_one_of("istio", "gatewayAPI")],
    "Health": [
        {
            "rule": "!(has(self.httpGet) && has(self.tcpSocket))",
            "message": "httpGet and tcpSocket exclude each other: leave one of them out",
        }
    ],
}

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
NAME_RULE: Schema = {
    "rule": "self.metadata.name.size() <= 63",
    "message": f"the name is the value of the label {resource.LABEL_NAME}: 63 characters at most",
}

COLUMNS = [
    ("Phase", "string", ".status.phase"),
    ("Step", "integer", ".status.currentStepIndex"),
    ("Weight", "integer", ".status.weights.update"),
    ("Desired", "integer", ".status.pods"),
    ("Updated", "integer", ".status.updatedPods"),
    ("Ready", "integer", ".status.readyPods"),
    ("Stable", "string", ".status.stableRevision"),
    ("Target", "string", ".status.updateRevision"),
    ("Age", "date", ".metadata.creationTimestamp"),
]


def _form(pattern: str) -> Schema:
    return {"rule": f"self.matches(r'{pattern}')", "message": FORMS[pattern]}


def structural(schema: Schema, definitions: dict[str, Schema], rules: Rules) -> Schema:
    """One node of a JSON schema as a structural one."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        node = structural(definitions[name], definitions, rules)
        if name in rules:
            node["x-kubernetes-validations"] = rules[name]
        return node
    if "anyOf" in schema:
        return _union([s for s in schema["anyOf"] if s.get("type") != "null"], definitions, rules)
    node = {
        key: value
        for key, value in schema.items()
        if key in ("type", "enum", "pattern", "minLength", "maxLength", "maxItems", "maxProperties")
        or key in ("minItems", "minimum", "maximum", "description")
    }
    if "enum" in node:
        node["type"] = "string"
    if rules and node.get("pattern") in FORMS and "maxLength" in node:
        node["x-kubernetes-validations"] = [_form(node.pop("pattern"))]
    if "exclusiveMinimum" in schema:  # OpenAPI 3.0: a flag beside minimum
        node |= {"minimum": schema["exclusiveMinimum"], "exclusiveMinimum": True}
    if schema.get("type") == "array":
        node["items"] = structural(schema["items"], definitions, rules)
    if "properties" in schema:
        node["properties"] = {
            name: structural(part, definitions, rules)
            for name, part in schema["properties"].items()
        }
        if schema.get("required"):
            node["required"] = list(schema["required"])
    elif isinstance(schema.get("additionalProperties"), dict):
        node["additionalProperties"] = structural(
            schema["additionalProperties"], definitions, rules
        )
    return node


def _union(branches: list[Schema], definitions: dict[str, Schema], rules: Rules) -> Schema:
    if len(branches) == 1:
        return structural(branches[0], definitions, rules)
    if {b.get("type") for b in branches} == {"integer", "string"}:
        pattern = next((b["pattern"] for b in branches if "pattern" in b), None)
        node: Schema = {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
        }
        return node | ({"pattern": pattern} if pattern else {})
    return {"x-kubernetes-preserve-unknown-fields": True}  # a scalar of any type


def _root(kind: type, rules: Rules) -> Schema:
    (schema,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    return structural(schema, definitions, rules)


def definition() -> Schema:
    """The CustomResourceDefinition, ready for the API server."""
    version = {
        "name": resource.API_VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path} for name, kind, path in COLUMNS
        ],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "required": ["spec"],
                "x-kubernetes-validations": [NAME_RULE],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "spec": _root(HotUpgradeSpec, RULES),
                    # Only the operator writes it, and rules in lists cost: the API server
                    # refuses a schema whose estimated cost is above its budget.
                    "status": _root(HotUpgradeStatus, {}),
                },
            }
        },
    }
    names = {
        "kind": resource.KIND,
        "listKind": f"{resource.KIND}List",
        "plural": resource.PLURAL,
        "singular": resource.KIND.lower(),
        "shortNames": [resource.SHORT_NAME],
        "categories": ["all"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.PLURAL}.{resource.GROUP}"},
        "spec": {
            "group": resource.GROUP,
            "names": names,
            "scope": "Namespaced",
            "versions": [version],
        },
    }


class _Plain(yaml.SafeDumper):
    """No anchors: the rules of a type appear wherever it does."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def render() -> str:
    """The chart's template."""
    text = yaml.dump(definition(), Dumper=_Plain, sort_keys=False, width=1000)
    name = f"  name: {resource.PLURAL}.{resource.GROUP}\n"
    return HEAD + text.replace(name, name + KEEP, 1) + TAIL


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render())
