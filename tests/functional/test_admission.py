"""The webhook, asked over TLS as an API server asks it."""

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import msgspec

from hotupgrade_api.pod_layout import AGENT_CONTAINER, ENV_HOT_UPGRADE_UID
from hotupgrade_demo.api_server import ApiServer, kind_of
from hotupgrade_operator.admission import PATH, Admission
from hotupgrade_operator.cluster import Cluster
from hotupgrade_operator.pods import Pod
from hotupgrade_operator.trust import Trust
from tests.functional.operator_parts import embedded_api, settings

NAME = "hotupgrade-operator.system.svc"


class Asked:
    """The API server's side: it trusts the bundle only, and calls the Service's name."""

    def __init__(self, server: ApiServer, port: int, bundle: bytes) -> None:
        self.server = server
        self._url = f"https://127.0.0.1:{port}{PATH}"
        self._context = ssl.create_default_context(cadata=bundle.decode())

    async def review(self, pod: dict[str, Any]) -> dict[str, Any]:
        request = {"uid": "r", "namespace": "default", "object": pod}
        async with aiohttp.ClientSession() as session:
            async with session.post(
                self._url,
                json={"request": request},
                ssl=self._context,
                server_hostname=NAME,
            ) as answer:
                assert answer.status == 200, await answer.text()
                response: dict[str, Any] = (await answer.json())["response"]
        assert response["allowed"] is True
        return response


@asynccontextmanager
async def webhook(**variables: str) -> AsyncIterator[Asked]:
    chosen = settings(**variables)
    async with embedded_api() as (server, api):
        cluster = Cluster(api)
        trust = Trust(cluster, chosen, lambda: datetime.now(UTC))
        await trust.refresh()
        admission = Admission(cluster, chosen)
        trust.use(admission.use)
        runner = await admission.start()
        try:
            yield Asked(server, chosen.webhook_port, trust.identity.bundle)
        finally:
            await runner.cleanup()


def pod(**container: Any) -> dict[str, Any]:
    app = {"name": "web", "image": "app:1", "command": ["/app/server"], **container}
    labels = {"hotupgrade.io/name": "web"}
    return {"metadata": {"labels": labels}, "spec": {"containers": [app]}}


async def put_hot_upgrade(server: ApiServer, **spec: Any) -> str:
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    body = {"metadata": {"name": "web"}, "spec": {"workloadRef": ref, **spec}}
    made = await server.put(kind_of("hotupgrades"), "default", body)
    return str(made["metadata"]["uid"])


def values(response: dict[str, Any]) -> dict[str, Any]:
    operations = json.loads(base64.b64decode(response["patch"]))
    return {operation["path"]: operation["value"] for operation in operations}


def owner_in(response: dict[str, Any]) -> str:
    init = values(response)["/spec/initContainers"]
    agent = next(c for c in init if c["name"] == AGENT_CONTAINER)
    return str(next(e["value"] for e in agent["env"] if e["name"] == ENV_HOT_UPGRADE_UID))


async def test_pod_is_injected_for_its_hot_upgrade() -> None:
    async with webhook() as asked:
        uid = await put_hot_upgrade(asked.server)
        assert owner_in(await asked.review(pod())) == uid


async def test_pod_that_is_made_before_its_hot_upgrade_is_injected_for_nobody_yet() -> None:
    async with webhook() as asked:
        assert owner_in(await asked.review(pod())) == ""


async def test_pod_without_a_command_is_admitted_and_noted_and_nothing_is_written() -> None:
    async with webhook() as asked:
        await put_hot_upgrade(asked.server)
        plain = pod()
        del plain["spec"]["containers"][0]["command"]
        response = await asked.review(plain)
        assert list(values(response)) == ["/metadata/annotations"]
        assert "set its command" in response["warnings"][0]
        assert asked.server.all("events") == []  # whoever reaches the port may ask


async def test_pod_that_comes_again_after_istio_is_judged_again() -> None:
    async with webhook() as asked:
        before = pod()
        first = values(await asked.review(before))
        for path, value in first.items():
            (part, name) = path.removeprefix("/").split("/")
            before[part][name] = value
        assert "patch" not in await asked.review(before)
        before["spec"]["initContainers"].insert(0, {"name": "istio-validation", "image": "i:1"})
        response = await asked.review(before)
        assert "native sidecars" in response["warnings"][0]
        second = values(response)
        assert [c["name"] for c in second["/spec/initContainers"]] == ["istio-validation"]
        assert second["/spec/containers"][0]["command"] == ["/app/server"]


async def test_settings_reach_the_pod() -> None:
    resources = json.dumps(
        {
            "requests": {"cpu": "30m", "memory": "80Mi"},
            "limits": {"cpu": "1", "memory": "128Mi"},
        }
    )
    async with webhook(AGENT_RESOURCES=resources, AGENT_PULL_SECRETS="a,b") as asked:
        limits = {"cpu": "1", "memory": "1Gi"}
        patched = values(await asked.review(pod(resources={"limits": limits})))
        assert patched["/spec/imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
        for container in patched["/spec/initContainers"]:
            assert container["resources"]["limits"] == {"cpu": "1", "memory": "128Mi"}


async def test_api_server_that_is_down_keeps_no_pod_from_being_made() -> None:
    async with webhook() as asked:
        await asked.server.stop()
        assert "patch" not in await asked.review(pod())


def test_pod_is_decoded_to_what_matters() -> None:
    raw = json.dumps({**pod(), "status": {"phase": "Running", "podIP": "10.0.0.1"}}).encode()
    found = msgspec.json.decode(raw, type=Pod)
    assert (found.started, found.ready, found.hot_upgrade) == (True, False, "web")
