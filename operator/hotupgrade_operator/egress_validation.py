"""Pure: what is wrong with the destinations that NetworkPolicies are to open.

The API server would refuse the policy in the midst of an upgrade, where its author sees no reason.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence

from hotupgrade_api.resource import EgressRule

# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
LABEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
LABEL_PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def invalid(rules: Sequence[EgressRule]) -> str:
    """What is wrong, where, and what would be right; empty where nothing is."""
    for index, rule in enumerate(rules):
        where = f"spec.networkPolicy.egress[{index}]"
        wrong = (
            _cidr(rule.cidr)
            or _labels("namespaceLabels", rule.namespace_labels)
            or _labels("podLabels", rule.pod_labels)
        )
        if wrong:
            return f"{where}.{wrong}"
    return ""


def _cidr(cidr: str) -> str:
    try:
        ipaddress.ip_network(cidr or "0.0.0.0/0")
    except ValueError as error:
        return (
            f"cidr is {cidr!r}: {error}; 10.0.0.0/8, or 192.0.2.7/32 for one address, "
            "would be right"
        )
    return ""


def _labels(field: str, labels: Mapping[str, str]) -> str:
    for key, value in labels.items():
        prefix, slash, name = key.rpartition("/")
        fits = LABEL_NAME.fullmatch(name) and (not slash or LABEL_PREFIX.fullmatch(prefix))
        if not fits or (value and not LABEL_NAME.fullmatch(value)):
            return (
                f"{field} has {key!r}: {value!r}, which is no label; up to 63 letters, digits, -, "
                "_ and . are right, and for the key a DNS name and / before them"
            )
    return ""
