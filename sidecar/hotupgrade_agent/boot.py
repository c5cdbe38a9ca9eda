"""`hotupgrade-agent boot`: the init container. Brings the launcher, and what a new pod runs."""

import asyncio
import logging
import shutil
from pathlib import Path

from hotupgrade_agent import fetch
from hotupgrade_agent.settings import Settings
from hotupgrade_agent.store import Store
from hotupgrade_agent.upgrade import Failed
from hotupgrade_api.launcher_messages import Program
from hotupgrade_api.resource import IMAGE_REVISION, OnFetchFailure
from hotupgrade_api.store_records import RevisionRecord

log = logging.getLogger("hotupgrade.boot")

FIRST_PAUSE_SECONDS = 1.0
MOST_PAUSE_SECONDS = 60.0


def launcher_binary() -> Path:
    """The launcher that came with this image. Raises FileNotFoundError."""
    found = shutil.which("hotupgrade-launcher")
    if found is None:
        raise FileNotFoundError("cannot boot: hotupgrade-launcher is not in PATH")
    return Path(found)


async def boot(settings: Settings) -> None:
    """Idempotent; an existing `current` wins. Waits for a source that is down, as an image pull
    would, unless onFetchFailure says BootImage."""
    store = Store(settings.store, settings.store_limit_bytes)
    store.install_launcher(launcher_binary())
    wanted = settings.boot
    if store.current() != IMAGE_REVISION or wanted.artifact is None:
        log.info("boots revision %s", store.current())
        return
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            file = await fetch.stage(wanted.artifact, store)
            break
        except Failed as error:
            log.error("%s: %s", error.reason, error)
            if wanted.on_fetch_failure == OnFetchFailure.BOOT_IMAGE:
                return
        await asyncio.sleep(pause)
        pause = min(2 * pause, MOST_PAUSE_SECONDS)
    program = Program(
        file=str(file.relative_to(store.root)),
        sha256=wanted.artifact.sha256 or "",
        replaces=wanted.artifact.replaces,
    )
    store.write_revision(
        RevisionRecord(
            revision=wanted.revision, program=program, version=wanted.version, base=wanted.base
        )
    )
    store.commit(wanted.revision)
    log.info("boots revision %s", wanted.revision)
