"""Server-side printing for kubectl: objects as a meta.k8s.io/v1 Table, by each kind's columns."""

from datetime import datetime
from typing import Any

from hotupgrade_api.crd import COLUMNS
from hotupgrade_api.resource import ANNOTATION_VERSION, LABEL_REVISION

Object = dict[str, Any]
Column = tuple[str, str, str]  # name, type, JSON path

AGE: Column = ("Age", "date", ".metadata.creationTimestamp")
OF_KIND: dict[str, list[Column]] = {
    "HotUpgrade": COLUMNS,
    "Pod": [
        ("Status", "string", ".status.phase"),
        ("IP", "string", ".status.podIP"),
        ("Revision", "string", f".metadata.labels['{LABEL_REVISION}']"),
        ("Version", "string", f".metadata.annotations['{ANNOTATION_VERSION}']"),
        AGE,
    ],
    "Event": [
        ("Type", "string", ".type"),
        ("Reason", "string", ".reason"),
        ("Message", "string", ".message"),
        AGE,
    ],
}


def wanted(accept: str) -> bool:
    return "as=Table" in accept


def table(kind: str, objects: list[Object], now: datetime) -> Object:
    columns = OF_KIND.get(kind, [AGE])
    definitions = [{"name": "Name", "type": "string", "format": "name"}]
    definitions += [{"name": name, "type": type_} for name, type_, _ in columns]
    rows = []
    for found in objects:
        cells = [found["metadata"]["name"]]
        cells += [_cell(found, type_, path, now) for _, type_, path in columns]
        rows.append({"cells": cells, "object": found})
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {},
        "columnDefinitions": definitions,
        "rows": rows,
    }


def _cell(found: Object, type_: str, path: str, now: datetime) -> Any:
    value: Any = found
    for part in _parts(path):
        value = value.get(part) if isinstance(value, dict) else None
    if type_ != "date" or not value:
        return "" if value is None else value
    return _age((now - datetime.fromisoformat(value)).total_seconds())


def _parts(path: str) -> list[str]:
    """Of `.a.b` and `.a['b.c']`: all that the columns use."""
    head, _, quoted = path.partition("['")
    return [*head.strip(".").split("."), *([quoted.removesuffix("']")] if quoted else [])]


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"
