"""The real operator, agents and launchers, judged by a server that speaks Prometheus' query API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hotupgrade_api.resource import ANNOTATION_REQUEST
from hotupgrade_demo import build
from hotupgrade_demo.load import request
from hotupgrade_demo.pods import NAMESPACE
from hotupgrade_demo.scenario import NAME, Scenario, hot_upgrade
from tests.functional.prometheus_server import PrometheusServer, prometheus_server, vector

ERRORS = {
    "name": "errors",
    "query": 'errors{namespace="$(namespace)", pod=~"$(pods)", revision="$(revision)"}',
    "success": "result < 0.1",
    "intervalSeconds": 1,
}


async def quiet(_: str) -> None:
    pass


@asynccontextmanager
async def analysed(folder: Path) -> AsyncIterator[tuple[Scenario, PrometheusServer]]:
    scenario = Scenario(folder, build.launcher(), {"PROMETHEUS_ALLOWED": "127.0.0.1"})
    async with prometheus_server() as server:
        try:
            await scenario.start(quiet)
            scenario.load.start()
            yield scenario, server
            await scenario.load.stop()
            assert scenario.load.failed == 0, scenario.load.errors
        finally:
            await scenario.stop()


def spec_of(scenario: Scenario, server: PrometheusServer, *steps: dict[str, Any]) -> dict[str, Any]:
    spec = hot_upgrade("v2", scenario.pods)
    spec["strategy"] = {"maxConcurrent": "100%", "steps": list(steps)}
    spec["analysis"] = {
        "provider": {"prometheus": {"address": server.address}},
        "metrics": [ERRORS],
    }
    return spec


def metric(scenario: Scenario) -> dict[str, Any]:
    resource = scenario.api.get("hotupgrades", NAMESPACE, NAME) or {}
    found: dict[str, Any] = resource["status"]["analysis"][0]
    return found


def paused(scenario: Scenario) -> str:
    return str(scenario.condition("Paused").get("reason"))


async def served(scenario: Scenario) -> list[str]:
    return [await request(pod.address, pod.app_port) for pod in scenario.pods]


async def test_a_server_that_may_not_be_asked_is_refused_and_a_good_answer_ends_the_upgrade(
    tmp_path: Path,
) -> None:
    async with analysed(tmp_path) as (scenario, server):
        server.body = vector("0.01")
        spec = spec_of(scenario, server)
        elsewhere = {"prometheus": {"address": server.address.replace("127.0.0.1", "localhost")}}
        await scenario.put({**spec, "analysis": {**spec["analysis"], "provider": elsewhere}})
        await scenario.until("it is refused", lambda: scenario.ready("False", "InvalidSpec"))
        assert "is not among the hosts" in scenario.condition("Ready")["message"]
        assert await served(scenario) == ["v1"] * 3
        await scenario.put(spec)
        await scenario.until("every pod runs v2", lambda: scenario.ready("True"))
        assert await served(scenario) == ["v2"] * 3
        assert metric(scenario)["phase"] == "Successful"
        asked = server.asked[-1]["query"]
        assert 'namespace="default", pod=~"web-0|web-1|web-2", revision="' in asked


async def test_a_breach_takes_every_pod_back(tmp_path: Path) -> None:
    async with analysed(tmp_path) as (scenario, server):
        server.body = vector("0.5")
        await scenario.put(spec_of(scenario, server))
        await scenario.until("it is rejected", lambda: scenario.ready("False", "AnalysisFailed"))
        message = scenario.condition("Ready")["message"]
        assert "errors: it was 0.5, success is `result < 0.1`" in message
        await scenario.until(
            "all is settled", lambda: scenario.condition("Reconciling")["status"] == "False"
        )
        assert await served(scenario) == ["v1"] * 3


async def test_a_killed_operator_goes_on_counting_and_a_person_decides_what_is_unclear(
    tmp_path: Path,
) -> None:
    async with analysed(tmp_path) as (scenario, server):
        steps: list[dict[str, Any]] = [{"setPods": 1}, {"analysis": {"metrics": ["errors"]}}]
        spec = spec_of(scenario, server, *steps)
        await scenario.put(spec)
        held = "AnalysisInconclusive"
        await scenario.until("it holds", lambda: paused(scenario) == held)
        server.body = vector("0.01")
        await scenario.kill_operator()
        await scenario.start_operator()
        asked = len(server.asked)
        await scenario.until("it is measured on", lambda: len(server.asked) > asked + 1)
        assert paused(scenario) == held
        assert sorted(await served(scenario)) == ["v1", "v1", "v2"]
        await scenario.put(spec, {ANNOTATION_REQUEST: "resume/1"})
        await scenario.until("it goes on", lambda: scenario.ready("True"))
        assert await served(scenario) == ["v2"] * 3
