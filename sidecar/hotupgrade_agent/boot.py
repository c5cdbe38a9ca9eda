"""`hotupgrade-agent boot`: the init container. Brings the launcher, and what a new pod runs."""

import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

from hotupgrade_agent.settings import Settings
from hotupgrade_agent.store import Store
from hotupgrade_agent.upgrade import Failed
from hotupgrade_api.agent_messages import BootConfig
from hotupgrade_api.resource import IMAGE_REVISION, Artifact, OnFetchFailure
from hotupgrade_api.store_records import RevisionRecord

log = logging.getLogger("hotupgrade.boot")

MOST_TOLD_BYTES = 4096  # a kubelet reads no more


class BootFailed(Exception):
    """The pod cannot start yet. The kubelet starts us again, with back-off."""


def launcher_binary() -> Path:
    """The launcher that came with this image. Raises BootFailed."""
    found = shutil.which("hotupgrade-launcher")
    if found is None:
        raise BootFailed("cannot boot: hotupgrade-launcher is not in PATH")
    return Path(found)


async def boot(settings: Settings) -> None:
    """Idempotent; an existing `current` wins. Raises BootFailed, also where the source is down, as
    an image pull would fail, unless onFetchFailure says BootImage."""
    store = Store(settings.store, settings.store_limit_bytes)
    store.install_launcher(launcher_binary())
    wanted = settings.boot
    if store.current() == IMAGE_REVISION and wanted.artifact is not None:
        try:
            await _stage(wanted, wanted.artifact, store)
        except Failed as error:
            why = f"cannot boot revision {wanted.revision}: {error.reason}: {error}"
            if wanted.on_fetch_failure != OnFetchFailure.BOOT_IMAGE:
                _tell(settings.termination_log, why)
                raise BootFailed(why) from error
            log.error("%s", why)
    log.info("boots revision %s", store.current())


async def _stage(wanted: BootConfig, artifact: Artifact, store: Store) -> None:
    from hotupgrade_agent import fetch  # noqa: PLC0415  (its library is half of boot's start)

    record = RevisionRecord(
        revision=wanted.revision,
        program=await fetch.stage(artifact, store),
        version=wanted.version,
        base=wanted.base,
    )
    store.write_revision(record)
    store.commit(wanted.revision)


def _tell(termination_log: Path, why: str) -> None:
    """The kubelet shows it as the container's message; it made the file, and nobody else does."""
    with suppress(OSError):
        fd = os.open(termination_log, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(fd, "wb") as file:
            file.write(why.encode()[:MOST_TOLD_BYTES])
