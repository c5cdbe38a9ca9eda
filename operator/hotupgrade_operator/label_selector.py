"""Pure: Kubernetes' label selectors, metav1.LabelSelector."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Operator(StrEnum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Requirement(msgspec.Struct, frozen=True):
    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case Operator.IN:
                return value in self.values
            case Operator.NOT_IN:
                return value not in self.values  # a label that is missing, too
            case Operator.EXISTS:
                return value is not None
            case Operator.DOES_NOT_EXIST:
                return value is None


class LabelSelector(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """All of it must hold; an empty one selects everything."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.matches(labels) for requirement in self.match_expressions
        )

    def keys(self) -> frozenset[str]:
        """The labels that it looks at."""
        return frozenset(self.match_labels) | {r.key for r in self.match_expressions}
