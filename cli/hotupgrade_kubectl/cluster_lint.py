"""IO: `lint --cluster`: the preflight of HotUpgrades by name, and of manifests before they are
applied. It only reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from kubernetes.aio import client

from hotupgrade_api.resource import HotUpgradeSpec
from hotupgrade_api.resource_status import PreflightFinding
from hotupgrade_kubectl import preflight
from hotupgrade_kubectl.cluster import Cluster, NotFound
from hotupgrade_kubectl.lint.document import Document
from hotupgrade_kubectl.lint.template import without_nulls
from hotupgrade_operator import pod_template
from hotupgrade_operator.pod_template import PodTemplate


class CannotTell(Exception):
    """The operator has not looked at the HotUpgrade."""


@dataclass(frozen=True)
class Looked:
    """name: with the namespace."""

    name: str
    findings: Sequence[PreflightFinding]


async def by_name(api: client.ApiClient, namespace: str, name: str) -> Looked:
    """Raises CannotTell, NotFound and CannotReach."""
    found = await Cluster(api, namespace).hot_upgrade(name)
    if why := preflight.unseen(found):
        raise CannotTell(f"cannot tell of {name}: {why}")
    return Looked(f"{namespace}/{name}", found.status.preflight)


async def by_manifest(
    api: client.ApiClient, namespace: str, hot_upgrade: Document, rest: Sequence[Document]
) -> Looked | None:
    """None where its spec cannot be read: lint has said why. rest: every object of the files."""
    try:
        spec = msgspec.convert(hot_upgrade.value.get("spec"), HotUpgradeSpec)
    except msgspec.ValidationError:
        return None
    namespace = hot_upgrade.namespace or namespace
    cluster = Cluster(api, namespace)
    template = _of_files(hot_upgrade, spec, rest) or await _of_cluster(cluster, spec)
    pods = await cluster.pods(hot_upgrade.name)
    try:
        applied = await cluster.hot_upgrade(hot_upgrade.name)
    except NotFound:
        applied = None
    findings = preflight.of_manifest(spec, template, pods, applied)
    return Looked(f"{namespace}/{hot_upgrade.name}", findings)


def _of_files(
    hot_upgrade: Document, spec: HotUpgradeSpec, rest: Sequence[Document]
) -> PodTemplate | None:
    """What is about to be applied counts for more than what is there."""
    ref = spec.workload_ref
    wanted = (ref.api_version, ref.kind, ref.name, hot_upgrade.namespace)
    for each in rest:
        if (each.api_version, each.kind, each.name, each.namespace) == wanted:
            return pod_template.read(msgspec.json.encode(without_nulls(each.value)))
    return None


async def _of_cluster(cluster: Cluster, spec: HotUpgradeSpec) -> PodTemplate | None:
    if spec.workload_ref.api_version != "apps/v1":
        return PodTemplate()  # a custom one: only its pods are looked at
    try:
        return pod_template.read(await cluster.workload(spec.workload_ref))
    except NotFound:
        return None
