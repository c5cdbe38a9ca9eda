"""What is wrong in a manifest, where, and what would be right."""

from enum import StrEnum

import msgspec

Path = tuple[str | int, ...]  # from the object's root


class Severity(StrEnum):
    ERROR = "error"  # the cluster would refuse it, or the operator would do nothing
    WARNING = "warning"  # it may be right, but that could not be seen here


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    file: str
    line: int  # from 1
    document: int  # from 1, in the file
    path: str  # spec.strategy.steps[0]; empty: the object itself
    severity: Severity = Severity.ERROR
    message: str  # what is wrong
    remedy: str = ""  # what would be right


def written(path: Path) -> str:
    """As people write it: ("steps", 0, "pause") is steps[0].pause."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
