"""`kubectl-hotupgrade` against the embedded API server, with the real operator where one acts."""

import asyncio
import io
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hotupgrade_demo.api_server import ApiServer, kind_of
from hotupgrade_kubectl.main import parser, run
from tests.functional.launcher_process import free_port
from tests.functional.operator_parts import until

Object = dict[str, Any]
PLUGIN = str(Path(sys.executable).with_name("kubectl-hotupgrade"))
KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: here
contexts: [{{name: here, context: {{cluster: here, user: me, namespace: shop}}}}]
clusters: [{{name: here, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: me, user: {{}}}}]
"""
SPEC: Object = {
    "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
    "artifact": {
        "version": "1.8.2",
        "source": {"http": {"url": "http://127.0.0.1:1/web"}},
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    },
    "strategy": {"steps": [{"pause": {}}, {"pause": {}}, {"pause": {}}]},
}


@dataclass(frozen=True)
class Answer:
    code: int
    output: str
    error: str


class Plugin:
    """A cluster with one HotUpgrade, `web`, whose workload has no pods yet."""

    def __init__(self, server: ApiServer, kubeconfig: Path) -> None:
        self.server = server
        self.kubeconfig = kubeconfig

    async def run(self, *arguments: str) -> Answer:
        """In this process: a new one takes a second to start."""
        output, error = io.StringIO(), io.StringIO()
        whole = parser().parse_args([*arguments, "--kubeconfig", str(self.kubeconfig)])
        code = await run(whole, output, error)
        return Answer(code, output.getvalue(), error.getvalue())

    @property
    def status(self) -> Object:
        found = self.server.get("hotupgrades", "shop", "web") or {}
        status: Object = found.get("status", {})
        return status


@pytest.fixture
async def plugin(tmp_path: Path) -> AsyncIterator[Plugin]:
    server, port = ApiServer(), free_port()
    await server.start("127.0.0.1", port)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(KUBECONFIG.format(port=port))
    workload: Object = {"metadata": {"name": "web"}, "spec": {"replicas": 3}}
    await server.put(kind_of("deployments"), "shop", workload)
    await server.put(kind_of("hotupgrades"), "shop", {"metadata": {"name": "web"}, "spec": SPEC})
    yield Plugin(server, kubeconfig)
    await server.stop()


@pytest.fixture
async def operated(plugin: Plugin, tmp_path: Path) -> AsyncIterator[Plugin]:
    """The same, with an operator that has seen the spec."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(plugin.kubeconfig),
        "HOTUPGRADE_OPERATOR_BIND_ADDRESS": "127.0.0.1",
        "HOTUPGRADE_OPERATOR_METRICS_PORT": str(free_port()),
    }
    with (tmp_path / "operator.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hotupgrade_operator.main"),
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            await until(lambda: plugin.status.get("observedGeneration") == 1)
            yield plugin
        finally:
            process.terminate()
            await process.wait()


async def test_each_request_is_carried_out_and_told(operated: Plugin) -> None:
    promoted = await operated.run("promote", "web")
    assert promoted.code == 0, promoted.error
    assert "promote is done" in promoted.output
    assert "step 2 of 3" in promoted.output
    paused = await operated.run("pause", "web")
    assert paused.code == 0, paused.error
    assert operated.status["paused"] is True
    again = await operated.run("pause", "web")
    assert (again.code, again.output) == (1, "")
    assert "cannot pause: it is paused already" in again.error
    resumed = await operated.run("resume", "web")
    assert resumed.code == 0, resumed.error
    aborted = await operated.run("abort", "web")
    assert aborted.code == 0, aborted.error
    assert operated.status["rejectedGeneration"] == 1
    shown = await operated.run("history", "web")
    assert "Rejected" in shown.output
    senseless = await operated.run("promote", "web")
    assert senseless.code == 1
    assert "cannot promote: no upgrade is under way" in senseless.error
    retried = await operated.run("retry", "web")
    assert retried.code == 0, retried.error
    full = await operated.run("promote", "web", "--full")
    assert full.code == 0, full.error
    assert "every step is done" in full.output


async def test_senseless_request_is_not_written(operated: Plugin) -> None:
    assert (await operated.run("undo", "web")).code == 1
    found = operated.server.get("hotupgrades", "shop", "web")
    assert found is not None
    assert "annotations" not in found["metadata"]


async def test_request_that_nobody_acts_on_is_said_to_be_one(plugin: Plugin) -> None:
    silent = await plugin.run("abort", "web", "--timeout", "1")
    assert silent.code == 1
    assert "cannot abort: no operator acted within 1 s" in silent.error
    assert "nothing was asked" in silent.error


async def test_request_that_is_not_waited_for_is_left_in_the_annotation(plugin: Plugin) -> None:
    asked = await plugin.run("abort", "web", "--no-wait")
    assert asked.code == 0, asked.error
    found = plugin.server.get("hotupgrades", "shop", "web")
    assert found is not None
    assert found["metadata"]["annotations"]["hotupgrade.io/request"].startswith("abort/")


async def test_status_tells_of_pods_and_of_this_hot_upgrades_events_only(plugin: Plugin) -> None:
    pod = {"metadata": {"name": "web-a", "labels": {"hotupgrade.io/name": "web"}}}
    await plugin.server.put(kind_of("pods"), "shop", pod)
    stranger = {"metadata": {"name": "api-a", "labels": {"hotupgrade.io/name": "api"}}}
    await plugin.server.put(kind_of("pods"), "shop", stranger)
    for name in ("web", "api"):
        event = {
            "metadata": {"name": f"{name}.1"},
            "involvedObject": {"kind": "HotUpgrade", "name": name},
            "reason": f"Of{name}",
        }
        await plugin.server.put(kind_of("events"), "shop", event)
    shown = await plugin.run("status", "web")
    assert shown.code == 0, shown.error
    assert shown.output.startswith("web in shop: Pending")
    assert "web-a" in shown.output
    assert "Ofweb" in shown.output
    assert "api" not in shown.output.lower()
    seen = json.loads((await plugin.run("status", "web", "-o", "json")).output)
    assert [p["metadata"]["name"] for p in seen["pods"]] == ["web-a"]
    assert [e["reason"] for e in seen["events"]] == ["Ofweb"]
    assert "no agent" in (await plugin.run("status", "web", "--processes")).output


async def test_what_others_wrote_cannot_move_the_cursor(plugin: Plugin) -> None:
    event = {
        "metadata": {"name": "web.1"},
        "involvedObject": {"kind": "HotUpgrade", "name": "web"},
        "message": "\x1b[2J\x9b2J\x7f[red]gone[/red]",
    }
    await plugin.server.put(kind_of("events"), "shop", event)
    shown = (await plugin.run("status", "web")).output
    assert "?[2J?2J?[red]gone[/red]" in shown


async def test_list_is_of_the_contexts_namespace_or_of_all(plugin: Plugin) -> None:
    other: Object = {"metadata": {"name": "api"}, "spec": SPEC}
    await plugin.server.put(kind_of("hotupgrades"), "elsewhere", other)
    assert "api" not in (await plugin.run("list")).output
    assert "api" in (await plugin.run("list", "-n", "elsewhere")).output
    everywhere = await plugin.run("list", "-A", "-o", "json")
    found = json.loads(everywhere.output)
    assert {each["metadata"]["namespace"] for each in found} == {"shop", "elsewhere"}


async def test_watch_without_a_terminal_tells_each_change(plugin: Plugin) -> None:
    environment = {**os.environ, "KUBECONFIG": str(plugin.kubeconfig), "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        *(PLUGIN, "status", "web", "--watch"), env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            assert (await process.stdout.readline()).decode().startswith("web in shop: Pending")
            found = plugin.server.get("hotupgrades", "shop", "web")
            assert found is not None
            changed = {**found, "status": {"phase": "Upgrading", "observedGeneration": 1}}
            await plugin.server.put(kind_of("hotupgrades"), "shop", changed)
            while (await process.stdout.readline()).decode() != "web in shop: Upgrading\n":
                pass
    finally:
        process.terminate()
        await process.wait()


async def test_hot_upgrade_that_is_not_there_is_told_in_one_line(plugin: Plugin) -> None:
    for verb in ("status", "history", "undo"):
        answer = await plugin.run(verb, "nobody")
        assert (answer.code, answer.output) == (1, "")
        assert answer.error.startswith("kubectl hotupgrade: cannot read HotUpgrade nobody in name")
        assert answer.error.count("\n") == 1


async def test_kubeconfig_that_cannot_be_used_is_told_in_one_line(plugin: Plugin) -> None:
    unknown = await plugin.run("list", "--context", "other")
    assert unknown.code == 1
    assert "cannot use the kubeconfig" in unknown.error
    plugin.kubeconfig.unlink()
    missing = await plugin.run("list")
    assert (missing.code, missing.error.count("\n")) == (1, 1)
    assert "there is no file" in missing.error


async def test_api_server_that_is_gone_is_told_in_one_line(plugin: Plugin) -> None:
    await plugin.server.stop()
    answer = await plugin.run("list")
    assert answer.code == 1
    assert "cannot reach the API server" in answer.error
    assert answer.error.count("\n") == 1


@pytest.mark.parametrize(
    ("change", "code"), [({}, 0), ({"handoff": {"mode": "hot"}}, 1), ({"paused": "no"}, 1)]
)
async def test_lints_exit_code_tells_whether_there_is_an_error(
    tmp_path: Path, change: Object, code: int
) -> None:
    manifest = {
        "apiVersion": "hotupgrade.io/v1alpha1",
        "kind": "HotUpgrade",
        "metadata": {"name": "web"},
        "spec": {**SPEC, **change},
    }
    file = tmp_path / "web.json"
    file.write_text(json.dumps(manifest))
    answer = await linted(str(file))
    assert answer.code == code, answer.output
    found = json.loads((await linted(str(file), "-o", "json")).output)
    assert [each["severity"] for each in found] == (["warning"] if code == 0 else ["error"])


async def test_preflight_of_the_cluster_is_what_the_operator_found(operated: Plugin) -> None:
    plain = {"name": "web-a", "uid": "a", "labels": {"hotupgrade.io/name": "web"}}
    runs = {"phase": "Running", "podIP": "127.0.0.1"}
    await operated.server.put(kind_of("pods"), "shop", {"metadata": plain, "status": runs})
    await until(lambda: "PodsCapable" in json.dumps(operated.status.get("preflight")))
    found = await operated.run("lint", "--cluster", "web")
    assert found.code == 1, found.error
    assert "shop/web: Block: PodsCapable: web-a: it has no launcher" in found.output
    whole = json.loads((await operated.run("lint", "--cluster", "web", "-o", "json")).output)
    assert whole["preflight"]["shop/web"][0]["check"] == "PodsCapable"
    assert "Block: PodsCapable: web-a" in (await operated.run("status", "web")).output


async def test_name_that_no_operator_looked_at_is_told_to_be_one(plugin: Plugin) -> None:
    told = await plugin.run("lint", "--cluster", "web")
    assert (told.code, told.output) == (1, "")
    assert "cannot tell of web: " in told.error
    assert (await plugin.run("lint", "--cluster", "nobody")).code == 1


async def test_manifest_is_held_against_the_cluster_and_nothing_is_written(
    plugin: Plugin, tmp_path: Path
) -> None:
    manifest = {
        "apiVersion": "hotupgrade.io/v1alpha1",
        "kind": "HotUpgrade",
        "metadata": {"name": "web"},
        "spec": SPEC,
    }
    file = tmp_path / "web.json"
    file.write_text(json.dumps(manifest))
    hook = {"containers": [{"name": "web", "lifecycle": {"preStop": {"exec": {}}}}]}
    workload: Object = {"metadata": {"name": "web"}, "spec": {"template": {"spec": hook}}}
    await plugin.server.put(kind_of("deployments"), "shop", workload)
    writes = plugin.server.writes.total()
    found = await plugin.run("lint", "--cluster", str(file))
    assert found.code == 0, found.output
    assert "HotUpgrades checked: 1" in found.output
    assert "shop/web: Warn: PreStopHooks: " in found.output
    elsewhere = await plugin.run("lint", "--cluster", str(file), "-n", "elsewhere")
    assert elsewhere.code == 1
    assert "elsewhere/web: Block: Workload: Deployment web is neither" in elsewhere.output
    assert plugin.server.writes.total() == writes


async def test_what_holds_no_hot_upgrade_is_not_called_right(tmp_path: Path) -> None:
    file = tmp_path / "map.yaml"
    file.write_text("kind: ConfigMap\n")
    assert (await linted(str(file))).code == 2
    assert (await linted(str(tmp_path / "nowhere"))).code == 2


async def linted(*arguments: str) -> Answer:
    output, error = io.StringIO(), io.StringIO()
    code = await run(parser().parse_args(["lint", *arguments]), output, error)
    return Answer(code, output.getvalue(), error.getvalue())


@pytest.mark.parametrize(
    "arguments", [["status"], [], ["list", "-o", "yaml"], ["pause", "-f", "x"]]
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(arguments)
    assert ended.value.code == 2
