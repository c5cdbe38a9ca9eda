"""What an image is: its layers, and how a container of it starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tests.cluster.images.layer import Layer

ENVIRONMENT = MappingProxyType(
    {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONUNBUFFERED": "1"}
)
NOBODY = "65532:65532"  # as the Dockerfiles have it


@dataclass(frozen=True)
class Image:
    reference: str
    layers: tuple[Layer, ...]
    entrypoint: tuple[str, ...]
    user: str = NOBODY
    environment: Mapping[str, str] = field(default_factory=lambda: ENVIRONMENT)
