"""Pure: an object against the CEL rules of its CRD, as the API server evaluates them on creation.

A rule that compares with `oldSelf` holds for updates alone:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#transition-rules
"""

from collections.abc import Iterator
from typing import Any

from hotupgrade_kubectl.lint.finding import Path
from hotupgrade_operator.expressions import Kind, compile

Schema = dict[str, Any]


def broken(value: Any, schema: Schema, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where, and what the rule says is right. The structure of value is that of the schema."""
    for rule in schema.get("x-kubernetes-validations", []):
        if "oldSelf" in rule["rule"]:
            continue
        if not compile(rule["rule"], {"self": Kind.ANY}).evaluate({"self": value}):
            yield path, rule["message"]
    if isinstance(value, dict):
        for name, part in value.items():
            inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if inner:
                yield from broken(part, inner, (*path, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from broken(part, schema["items"], (*path, index))
