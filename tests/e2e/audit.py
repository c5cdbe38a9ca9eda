"""What the operator asked of the API server, by the API server's own audit log."""

import json
from dataclasses import dataclass

from tests.e2e.namespace import OPERATOR_NAMESPACE, Namespace

OPERATOR_USER = f"system:serviceaccount:{OPERATOR_NAMESPACE}:hotupgrade-operator"


@dataclass(frozen=True)
class Request:
    verb: str
    uri: str


def requests_of_operator(namespace: Namespace) -> list[Request]:
    """Those about objects of this namespace, oldest first."""
    found = []
    for line in namespace.cluster.layout.audit_log.read_text().splitlines():
        event = json.loads(line)
        where = event.get("objectRef", {}).get("namespace")
        if where == namespace.name and event["user"]["username"] == OPERATOR_USER:
            found.append(Request(event["verb"], event["requestURI"]))
    return found


def writes(namespace: Namespace) -> list[Request]:
    return [request for request in requests_of_operator(namespace) if request.verb != "get"]


def looks(namespace: Namespace) -> int:
    """How often it read a HotUpgrade: once a reconcile."""
    return len(requests_of_operator(namespace)) - len(writes(namespace))
