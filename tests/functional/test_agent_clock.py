"""The rollback window is the same whatever becomes of the wall clock."""

import asyncio
import itertools
import time
from pathlib import Path

from hotupgrade_agent.driver import Driver
from hotupgrade_agent.launcher import Launcher
from hotupgrade_agent.store import Store
from hotupgrade_api.agent_messages import FINAL, HealthDefault, PodState, UpgradeCommand
from hotupgrade_api.resource import Handoff, Health
from tests.functional.launcher_process import LauncherProcess, free_port, go_server, listens, until

WINDOW_SECONDS = 2


async def test_clock_that_is_set_back_does_not_end_the_window(tmp_path: Path) -> None:
    port = free_port()
    command = UpgradeCommand(
        pod_uid="p",
        hot_upgrade_uid="h",
        revision="image",
        id="u1",
        handoff=Handoff(rollback_window_seconds=WINDOW_SECONDS),
        health=Health(period_seconds=0.1),
    )
    ever_earlier = itertools.count(1_000_000_000, -3600)
    with LauncherProcess(tmp_path, [str(go_server("v1")), f"127.0.0.1:{port}"]) as launcher:
        until("the server listens", lambda: listens("127.0.0.1", port))
        store = Store(tmp_path / "store", 1 << 20)
        driver = Driver(
            Launcher(launcher.socket), store, HealthDefault(), lambda: float(next(ever_earlier))
        )
        began = time.monotonic()
        work = asyncio.create_task(driver.run())
        await driver.begin(command, "another")
        async with asyncio.timeout(30), driver.changed:
            await driver.changed.wait_for(
                lambda: driver.journal is not None and driver.journal.progress.state in FINAL
            )
        work.cancel()
        assert driver.journal and driver.journal.progress.state is PodState.COMMITTED
        assert time.monotonic() - began >= WINDOW_SECONDS  # a bound that no slow machine breaks
