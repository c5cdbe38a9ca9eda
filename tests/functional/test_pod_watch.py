"""Our own watch of pods: it wakes the HotUpgrades that are concerned, and only for what matters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from hotupgrade_demo.api_server import ApiServer, kind_of
from hotupgrade_operator.api_watch import Event
from hotupgrade_operator.pods import Pods
from tests.functional.operator_parts import embedded_api, until

PODS = kind_of("pods")


def pod(name: str, owner: str = "web", **status: Any) -> dict[str, Any]:
    labels = {"hotupgrade.io/name": owner} if owner else {}
    return {"metadata": {"name": name, "labels": labels}, "status": status}


@asynccontextmanager
async def watched() -> AsyncIterator[tuple[ApiServer, Pods, list[tuple[str, str]]]]:
    woken: list[tuple[str, str]] = []
    async with embedded_api() as (server, api):
        await server.put(PODS, "default", pod("before"))
        await server.put(PODS, "default", pod("stranger", owner=""))
        pods = Pods(api)
        pods.subscribe(lambda namespace, name: woken.append((namespace, name)))
        task = asyncio.create_task(pods.run())
        await until(pods.synced.is_set)
        try:
            yield server, pods, woken
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def names(pods: Pods, owner: str = "web") -> list[str]:
    return [found.metadata.name for found in pods.of("default", owner)]


async def test_knows_the_labelled_pods_from_before_and_since() -> None:
    async with watched() as (server, pods, _):
        assert names(pods) == ["before"]
        await server.put(PODS, "default", pod("since"))
        await until(lambda: names(pods) == ["before", "since"])


async def test_wakes_for_what_matters_only() -> None:
    async with watched() as (server, pods, woken):
        woken.clear()
        await server.put(PODS, "default", pod("before", hostIP="10.0.0.1"))
        await server.put(PODS, "default", pod("before", podIP="10.0.0.2"))
        await until(lambda: pods.of("default", "web")[0].status.pod_ip == "10.0.0.2")
        assert woken == [("default", "web")]


async def test_pod_that_changes_hands_wakes_both() -> None:
    async with watched() as (server, pods, woken):
        woken.clear()
        await server.put(PODS, "default", pod("before", owner="other"))
        await until(lambda: names(pods, "other") == ["before"])
        assert names(pods) == []
        assert sorted(woken) == [("default", "other"), ("default", "web")]


async def test_answer_to_a_write_is_not_undone_by_an_older_event() -> None:
    async with watched() as (_, pods, _woken):
        (known,) = pods.of("default", "web")
        newer = msgspec.structs.replace(
            known,
            metadata=msgspec.structs.replace(known.metadata, resource_version="1000", uid="u"),
        )
        same = msgspec.structs.replace(
            known, metadata=msgspec.structs.replace(known.metadata, uid="u")
        )
        pods.learn(newer)
        pods.learn(same)
        assert pods.of("default", "web") == [newer]


def test_bookmark_has_a_version_and_no_pod() -> None:
    raw = b'{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7", "creationTimestamp": null}, "spec": {"containers": null}}}'  # noqa: E501
    assert msgspec.json.decode(raw, type=Event).version == "7"
