"""Weights of routes: in order, never to an empty subset, and always given back."""

from dataclasses import replace

import msgspec
import pytest

from hotupgrade_api.resource import LABEL_REVISION, Step, Strategy, TrafficRouting
from hotupgrade_api.resource_status import Phase
from hotupgrade_api.revision import revision_of
from hotupgrade_operator.istio_resources import ANNOTATION
from tests.unit.mesh_world import (
    ROUTING,
    MeshWorld,
    mesh_world,
    rule_object,
    service_object,
)
from tests.unit.world import BAD, GOOD, pod, spec


def is_given_back(mesh: MeshWorld) -> bool:
    subsets = mesh.rule["spec"]["subsets"]
    noted = ANNOTATION in mesh.service["metadata"].get("annotations", {})
    return not noted and not any(LABEL_REVISION in s["labels"] for s in subsets)


def test_each_step_moves_the_route_and_the_end_gives_it_back() -> None:
    mesh = mesh_world(10, 50)
    mesh.until(lambda: mesh.world.seen.status.phase == Phase.UPGRADING)
    mesh.until(lambda: mesh.world.seen.status.current_step_index == 2)
    mesh.until(lambda: mesh.weights() == [0, 100])
    mesh.until(lambda: is_given_back(mesh))
    assert mesh.shares == [0, 10, 25, 50, 100, 0]  # more only as more pods are there
    assert mesh.weights() == [100, 0]
    assert mesh.world.seen.status.phase == Phase.STABLE
    assert mesh.world.revisions() == {revision_of(GOOD)}


def test_only_weights_of_the_named_route_and_our_annotation_change() -> None:
    mesh = mesh_world(10)
    mesh.until(lambda: mesh.weights() == [90, 10])
    expected = service_object(90, 10)["spec"]
    assert mesh.service["spec"] == expected
    assert list(mesh.service["metadata"]["annotations"]) == [ANNOTATION]


def test_nothing_is_moved_while_the_proxies_do_not_know_the_pods() -> None:
    mesh = mesh_world(10, settled=False)
    for _ in range(20):
        mesh.reconcile()
    assert mesh.weights() == [100, 0]
    mesh.settled = True
    mesh.until(lambda: mesh.weights() == [90, 10])


def test_an_operator_that_knows_nothing_yet_leaves_the_weights_as_they_are() -> None:
    mesh = mesh_world(50)
    mesh.world.seen.spec.strategy.steps.append(Step(set_weight=60))
    mesh.until(lambda: mesh.weights() == [50, 50])
    mesh.settled = False  # as after a restart
    for _ in range(5):
        mesh.reconcile()
    assert mesh.weights() == [50, 50]


@pytest.mark.parametrize("weight", [10, 100])
def test_an_abort_takes_weight_before_pods_and_gives_the_rest_back(weight: int) -> None:
    mesh = mesh_world(weight)
    mesh.until(lambda: mesh.weights() == [100 - weight, weight])
    mesh.world.request("abort/1")
    mesh.until(lambda: mesh.weights() == [100, 0])
    mesh.until(lambda: is_given_back(mesh))
    assert mesh.world.revisions() == {"image"}


def test_an_abort_below_100_moves_the_route_in_the_same_reconcile() -> None:
    mesh = mesh_world(50)
    mesh.until(lambda: mesh.weights() == [50, 50])
    mesh.world.request("abort/1")
    mesh.reconcile()
    assert mesh.weights() == [100, 0]


def test_a_canary_that_is_not_ready_any_more_gets_nothing() -> None:
    mesh = mesh_world(10)
    mesh.until(lambda: mesh.weights() == [90, 10])
    canary = next(p for p in mesh.world.seen.pods if p.revision_label == revision_of(GOOD))
    mesh.world.put(replace(canary, ready=False))
    mesh.look()
    made = mesh.world.reconcile()
    weights = [
        o["value"] for a in mesh.world.patched for o in a.operations if "weight" in o["path"]
    ]
    assert weights[-2:] == [100, 0], made.actions


@pytest.mark.parametrize("before", [(70, 30), (None, None)])
def test_weights_that_were_there_before_come_back(before: tuple[int | None, int | None]) -> None:
    mesh = mesh_world(50, service=service_object(*before))
    mesh.until(lambda: mesh.weights() == [0, 100])
    mesh.until(lambda: is_given_back(mesh))
    assert mesh.weights() == list(before)


def test_subsets_that_are_missing_are_made_and_stay_open() -> None:
    mesh = mesh_world(50, rule=rule_object())
    mesh.until(lambda: mesh.weights() == [50, 50])
    mesh.world.apply(spec(None))  # no routing any more, and back
    mesh.until(lambda: is_given_back(mesh))
    assert [s["name"] for s in mesh.rule["spec"]["subsets"]] == ["stable", "canary"]
    assert mesh.weights() == [100, 0]


def test_another_revision_in_between_begins_at_0() -> None:
    mesh = mesh_world(50)
    mesh.until(lambda: mesh.weights() == [50, 50])
    strategy = Strategy(steps=[Step(set_weight=50)])
    other = msgspec.structs.replace(BAD, sha256="4" * 64)
    mesh.world.apply(spec(other, strategy=strategy, traffic_routing=ROUTING))
    mesh.until(lambda: mesh.weights() == [100, 0])
    mesh.until(lambda: mesh.weights() == [50, 50])
    assert mesh.rule["spec"]["subsets"][1]["labels"][LABEL_REVISION] == revision_of(other)


def test_a_new_image_in_between_opens_the_subsets_to_its_pods() -> None:
    mesh = mesh_world(50)
    mesh.until(lambda: mesh.weights() == [50, 50])
    old = mesh.world.seen.pods
    mesh.world.seen = replace(mesh.world.seen, pods=(*old, pod("new", "app:2")))
    mesh.until(lambda: is_given_back(mesh))
    assert mesh.weights() == [100, 0]


def test_with_one_pod_the_routes_are_left_alone() -> None:
    mesh = mesh_world(50, pods=1)
    mesh.until(lambda: mesh.world.seen.status.phase == Phase.STABLE)
    assert mesh.service == service_object()
    assert mesh.world.revisions() == {revision_of(GOOD)}


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        (
            ["main"],
            "cannot find HTTP route 'main' in VirtualService web; it has 'other', 'primary'",
        ),
        ([], "has 2 HTTP routes ('other', 'primary')"),
        (["other"], "one of stable and one of canary are right"),
    ],
)
def test_a_route_that_cannot_be_steered_is_refused_with_what_there_is(
    routes: list[str], words: str
) -> None:
    mesh = mesh_world(50)
    istio = ROUTING.istio
    assert istio is not None
    service = msgspec.structs.replace(istio.virtual_service, routes=routes)
    routing = TrafficRouting(istio=msgspec.structs.replace(istio, virtual_service=service))
    wrong = msgspec.structs.replace(mesh.world.seen.spec, traffic_routing=routing)
    mesh.world.apply(wrong)
    mesh.reconcile()
    assert mesh.world.condition("Ready") == ("False", "RouteNotFound")
    ready = next(c for c in mesh.world.seen.status.conditions if c.type == "Ready")
    assert words in ready.message
    assert mesh.world.revisions() == {"image"}
