"""A pod as the API has it, in the few fields that tests look at."""

from dataclasses import dataclass

from hotupgrade_api.resource import ANNOTATION_VERSION, LABEL_REVISION
from tests.e2e.cluster import Object


@dataclass(frozen=True)
class Pod:
    name: str
    uid: str
    address: str
    phase: str
    ready: bool
    ready_since: str  # when Ready last changed
    terminating: bool
    restarts: int  # of all its containers
    qos_class: str
    revision: str  # the label that the operator publishes
    version: str
    containers: tuple[str, ...]  # init containers too

    @classmethod
    def of(cls, raw: Object) -> "Pod":
        meta, spec, status = raw["metadata"], raw["spec"], raw.get("status", {})
        conditions = {c["type"]: c for c in status.get("conditions", [])}
        ready = conditions.get("Ready", {})
        statuses = [
            *status.get("initContainerStatuses", []),
            *status.get("containerStatuses", []),
        ]
        containers = [*spec.get("initContainers", []), *spec["containers"]]
        return cls(
            name=meta["name"],
            uid=meta["uid"],
            address=status.get("podIP", ""),
            phase=status.get("phase", ""),
            ready=ready.get("status") == "True",
            ready_since=ready.get("lastTransitionTime", ""),
            terminating="deletionTimestamp" in meta,
            restarts=sum(s["restartCount"] for s in statuses),
            qos_class=status.get("qosClass", ""),
            revision=meta.get("labels", {}).get(LABEL_REVISION, ""),
            version=meta.get("annotations", {}).get(ANNOTATION_VERSION, ""),
            containers=tuple(c["name"] for c in containers),
        )

    @property
    def identity(self) -> tuple[str, str, str, int]:
        """What a hot upgrade must not change."""
        return (self.name, self.uid, self.address, self.restarts)
