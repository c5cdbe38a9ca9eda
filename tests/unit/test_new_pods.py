"""What a new pod boots follows from what is stable, and from the image that it was made of."""

import msgspec
import pytest

from hotupgrade_api.launcher_messages import Base
from hotupgrade_api.resource import (
    Artifact,
    HotUpgradeSpec,
    HttpSource,
    NewPods,
    NewPodsRevision,
    OnFetchFailure,
    Source,
    WorkloadRef,
)
from hotupgrade_api.resource_status import HistoryEntry, HotUpgradeStatus
from hotupgrade_api.revision import revision_of
from hotupgrade_operator.new_pods import boot_config


def artifact(digit: str) -> Artifact:
    source = Source(http=HttpSource(url=f"http://a/{digit}"))
    return Artifact(source=source, sha256=digit * 64, version=digit)


OLD, NEW = artifact("1"), artifact("2")
BASE = Base(image="app:1", sha256="b" * 64)
STATUS = HotUpgradeStatus(
    stable_revision=revision_of(OLD),
    history=[HistoryEntry(revision=revision_of(OLD), version="1", artifact=OLD, base=BASE)],
)


def spec(which: NewPodsRevision = NewPodsRevision.STABLE) -> HotUpgradeSpec:
    ref = WorkloadRef(api_version="apps/v1", kind="Deployment", name="web")
    new = NewPods(revision=which, on_fetch_failure=OnFetchFailure.BOOT_IMAGE)
    return HotUpgradeSpec(workload_ref=ref, artifact=NEW, new_pods=new)


def test_boots_the_stable_revision_with_its_base() -> None:
    boot = boot_config(spec(), STATUS, 1, "app:1")
    assert (boot.revision, boot.artifact, boot.base) == (revision_of(OLD), OLD, BASE)
    assert boot.on_fetch_failure == "BootImage"


def test_boots_its_own_image_where_nothing_was_upgraded_yet() -> None:
    assert boot_config(spec(), HotUpgradeStatus(), 1, "app:1").revision == "image"


def test_boots_its_own_image_where_the_revision_holds_for_another() -> None:
    assert boot_config(spec(), STATUS, 1, "app:2").revision == "image"


@pytest.mark.parametrize(("rejected", "revision"), [(False, NEW), (True, OLD)])
def test_latest_is_booted_while_it_is_not_rejected(rejected: bool, revision: Artifact) -> None:
    status = STATUS
    if rejected:
        status = msgspec.structs.replace(
            status, rejected_revision=revision_of(NEW), rejected_generation=1
        )
    boot = boot_config(spec(NewPodsRevision.LATEST), status, 1, "app:1")
    assert (boot.revision, boot.artifact) == (revision_of(revision), revision)
