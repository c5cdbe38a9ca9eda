"""The operator is SIGKILLed again and again during an upgrade: it ends right, once for each pod."""

import asyncio
import json
import random
from pathlib import Path

from hotupgrade_demo import build
from hotupgrade_demo.load import request
from hotupgrade_demo.scenario import Scenario
from tests.functional.launcher_process import launcher_binary

KILLS = 10
SEED = 20260101


async def quiet(_: str) -> None:
    pass


async def generations(scenario: Scenario) -> list[int]:
    counts = []
    for pod in scenario.pods:
        process = await asyncio.create_subprocess_exec(
            *(launcher_binary(), "status", "--json", "--socket", pod.socket),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        counts.append(len(json.loads(output)["generations"]))
    return counts


async def test_operator_killed_ten_times_upgrades_every_pod_exactly_once(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    scenario = Scenario(tmp_path, build.launcher())
    try:
        await scenario.start(quiet)
        scenario.load.start()
        await scenario.apply("v2")
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0, 2.5))  # any moment of its start and its work
            await scenario.kill_operator()
            await scenario.start_operator()
        await scenario.until("every pod runs v2", lambda: scenario.ready("True"))
        await scenario.load.stop()
        assert scenario.load.failed == 0, scenario.load.errors
        assert await generations(scenario) == [2, 2, 2]
        assert [await request(p.address, p.app_port) for p in scenario.pods] == ["v2"] * 3
        before = {**scenario.api.writes, "leases": 0}  # a leader renews its Lease
        await asyncio.sleep(12)  # more than one pause of a settled reconcile
        assert {**scenario.api.writes, "leases": 0} == before
    finally:
        await scenario.stop()
