"""Which pods fetch, and which of them may be made to wait."""

from dataclasses import replace

import msgspec
import pytest

from hotupgrade_api.agent_messages import PodState, Progress
from hotupgrade_api.resource import NewPods, NewPodsRevision, Strategy
from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_api.revision import revision_of
from hotupgrade_operator import plan
from hotupgrade_operator.fetching import fetching, starting
from hotupgrade_operator.observation import Observation, PodObservation
from tests.unit.world import GOOD, NOW, pod, spec

NONE: frozenset[str] = frozenset()


def seen(*pods: PodObservation, **more: object) -> Observation:
    return Observation("d", "web", "u", 1, spec(GOOD, **more), HotUpgradeStatus(), pods, trust="t")


def running(state: PodState) -> PodObservation:
    found = pod("web-1")
    assert found.agent is not None
    progress = Progress(id="i", revision=revision_of(GOOD), state=state)
    return replace(found, agent=msgspec.structs.replace(found.agent, progress=progress))


def names(observed: Observation, booting: frozenset[str] = NONE) -> frozenset[str]:
    return fetching(observed, plan.make(observed, NOW), booting)


def test_a_pod_that_is_about_to_be_told_fetches_and_one_that_waits_its_turn_does_not() -> None:
    observed = seen(pod("web-1"), pod("web-2"), strategy=Strategy(max_concurrent=1))
    assert names(observed) == starting(plan.make(observed, NOW)) == {"web-1"}


@pytest.mark.parametrize(
    ("state", "fetches"),
    [
        (PodState.IDLE, True),
        (PodState.FETCHING, True),
        (PodState.STAGED, False),
        (PodState.WATCHING, False),
        (PodState.HOLDING, False),
    ],
)
def test_a_pod_fetches_until_its_artifact_is_staged(state: PodState, fetches: bool) -> None:
    assert (names(seen(running(state))) == {"web-1"}) is fetches


def test_nothing_is_fetched_for_the_images_own_program() -> None:
    observed = seen(pod("web-1"))
    observed = replace(observed, spec=msgspec.structs.replace(observed.spec, artifact=None))
    assert names(observed) == NONE


def test_a_paused_upgrade_fetches_nothing() -> None:
    assert names(seen(pod("web-1"), paused=True)) == NONE


def test_a_pod_that_boots_fetches_where_it_boots_an_artifact() -> None:
    booting = frozenset({"web-9"})
    observed = seen(running(PodState.WATCHING))
    assert names(observed, booting) == NONE  # the stable revision is the image's
    stable = msgspec.structs.replace(observed.status, stable_revision=revision_of(GOOD))
    assert names(replace(observed, status=stable), booting) == booting
    latest = seen(running(PodState.WATCHING), new_pods=NewPods(revision=NewPodsRevision.LATEST))
    assert names(latest, booting) == booting


def test_going_back_does_not_wait_for_the_network() -> None:
    observed = seen(pod("web-1"))
    made = plan.make(observed, NOW)
    assert starting(made)
    assert starting(replace(made, goal=plan.Goal.TAKE_BACK)) == NONE
