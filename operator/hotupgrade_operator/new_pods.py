"""Pure: what a new pod of a HotUpgrade boots."""

import msgspec

from hotupgrade_api.agent_messages import BootConfig
from hotupgrade_api.launcher_messages import Base
from hotupgrade_api.resource import HotUpgradeSpec, NewPodsRevision
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_api.revision import revision_of
from hotupgrade_operator.allowed_hosts import ANY, AllowedHosts
from hotupgrade_operator.target import entry, is_rejected
from hotupgrade_operator.validation import invalid, not_implemented


def boot_config(
    spec: HotUpgradeSpec,
    status: HotUpgradeStatus,
    generation: int,
    image: str,
    allowed: AllowedHosts = ANY,
) -> BootConfig:
    """image: the app container's. allowed: as `invalid` takes it. A revision that holds for another
    image is not booted: the user has deployed something newer than what it was made for.
    """
    nothing = BootConfig(on_fetch_failure=spec.new_pods.on_fetch_failure.value)
    revision, version, artifact = status.stable_revision, "", None
    latest = revision_of(spec.artifact)
    # What the operator would refuse is not booted either.
    refused = bool(not_implemented(spec) or invalid(spec, allowed))
    refused = refused or is_rejected(status, latest, generation)
    if spec.new_pods.revision is NewPodsRevision.LATEST and not refused:
        revision, artifact = latest, spec.artifact
    if status.fallback_revision == latest and not refused:
        revision, artifact = latest, spec.artifact
    known = entry(status, revision)
    base = known.base if known and known.base else Base()
    if known is not None:
        version, artifact = known.version, known.artifact
    elif artifact is not None:
        version = artifact.version
    if artifact is None or (base.image and base.image != image):
        return nothing
    return msgspec.structs.replace(
        nothing, revision=revision, version=version, artifact=artifact, base=base
    )
