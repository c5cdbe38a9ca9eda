"""Pure: an object against the structural schema of its CRD: unknown fields, types, enums, bounds.

The schema is OpenAPI 3.0's dialect, whose exclusiveMinimum is a flag, as in JSON schema's draft 4.
"""

import difflib
from collections.abc import Iterable
from typing import Any

import jsonschema

from hotupgrade_api.crd import FORMS
from hotupgrade_kubectl.lint.finding import Path

Schema = dict[str, Any]
Wrong = tuple[Path, str, str]  # where, what, and what would be right

TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "an object",
    "string": "text",
}
# Keyword -> what the value must be, with the bound.
BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} fields",
}


def wrong(value: Any, schema: Schema) -> list[Wrong]:
    """In the order of the paths."""
    errors = jsonschema.Draft4Validator(closed(schema)).iter_errors(value)
    return sorted(
        (found for error in errors for found in _told(error)),
        key=lambda found: [str(part) for part in found[0]],
    )


def closed(schema: Schema) -> Schema:
    """kubectl has the API server refuse what the schema does not name (strict field validation);
    an object without properties of its own, metadata, is checked by others."""
    node = dict(schema)
    if "properties" in node:
        node["properties"] = {name: closed(part) for name, part in node["properties"].items()}
        node["additionalProperties"] = False
    elif isinstance(node.get("additionalProperties"), dict):
        node["additionalProperties"] = closed(node["additionalProperties"])
    if "items" in node:
        node["items"] = closed(node["items"])
    return node


def _told(error: Any) -> list[Wrong]:
    path, value, bound = tuple(error.absolute_path), error.instance, error.validator_value
    match error.validator:
        case "additionalProperties":
            known = sorted(error.schema["properties"])
            return [
                ((*path, name), "unknown field", _nearest(name, known))
                for name in value
                if name not in known
            ]
        case "required":
            # One error for each name, and only the message tells which.
            missing = [name for name in bound if error.message.startswith(repr(name))]
            return [((*path, name), "is missing", _needed(error, name)) for name in missing]
        case "enum":
            return [(path, f"{_shown(value)} is unknown", _nearest(str(value), bound))]
        case "type":
            return [(path, f"{_shown(value)} is {_type(value)}", _typed(value, bound))]
        case "anyOf":
            return [(path, f"{_shown(value)} is {_type(value)}", "a whole number, or text")]
        case "pattern":
            return [(path, f"{_shown(value)} is not of this form", FORMS.get(bound, bound))]
    limit = BOUNDS[error.validator].format(bound)
    if error.schema.get("exclusiveMinimum") and error.validator == "minimum":
        limit = f"more than {bound}"
    return [(path, f"{_shown(value)} is out of bounds", limit)]


def _needed(error: Any, name: str) -> str:
    schema = error.schema["properties"][name]
    if "properties" in schema:
        return f"an object with {', '.join(schema['properties'])}"
    return TYPES.get(schema.get("type", ""), "")


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    by_lower = {each.lower(): each for each in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else f"one of {', '.join(names)}"


def _typed(value: Any, wanted: str) -> str:
    if wanted == "string" and isinstance(value, (bool, int, float)):
        return f"{TYPES[wanted]}: put it in quotes"
    if wanted in ("integer", "number") and isinstance(value, str) and value.isdigit():
        return f"{TYPES[wanted]}: leave the quotes away"
    return TYPES[wanted]


def _type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    if value is None:
        return "empty"
    return TYPES[names.get(type(value), "object")]


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
