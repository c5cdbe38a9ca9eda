"""What a person may ask for: each request is carried out once, or refused with the reason."""

import pytest

from hotupgrade_api.resource import Pause, Step, Strategy
from hotupgrade_api.revision import revision_of
from hotupgrade_operator import plan, status
from tests.unit.world import BAD, GOOD, World, spec, world

NEW = revision_of(GOOD)
WAITS = Strategy(max_concurrent="100%", steps=[Step(set_weight=10), Step(pause=Pause())])


def waiting() -> World:
    """At a step that waits for a person, every pod at 10 %."""
    w = world(GOOD, strategy=WAITS)
    run(w)
    return w


def upgraded() -> World:
    w = world(GOOD)
    w.settle()
    return w


def rejected() -> World:
    w = world(BAD)
    w.settle()
    return w


def run(w: World) -> None:
    for _ in range(6):
        w.reconcile()


def refused(w: World) -> str:
    made = w.reconcile()
    assert made.request is not None
    return made.request.refused


def test_promote_full_skips_every_step_and_a_second_promote_the_window() -> None:
    w = waiting()
    w.request("promote-full/1")
    run(w)
    assert w.seen.status.weights.update == 100
    assert w.condition("Ready")[0] == "False"
    w.request("promote/2")
    run(w)
    assert w.condition("Ready") == ("True", "Upgraded")


def test_paused_upgrade_starts_nothing_and_resume_goes_on() -> None:
    w = world(GOOD)
    w.reconcile()
    started = len(w.started)
    w.request("pause/1")
    w.settle()
    assert len(w.started) == started
    assert w.condition("Paused") == ("True", "PausedByRequest")
    w.request("resume/2")
    w.settle()
    assert w.condition("Ready") == ("True", "Upgraded")


def test_abort_takes_every_pod_back_and_the_same_spec_does_not_start_again() -> None:
    w = waiting()
    w.request("abort/1")
    run(w)
    assert w.revisions() == {"image"}
    assert w.condition("Ready") == ("False", "Aborted")
    assert w.condition("Stalled")[0] == "True"
    started = len(w.started)
    run(w)
    assert len(w.started) == started


def test_retry_tries_a_rejected_revision_once_more_from_its_first_step() -> None:
    w = waiting()
    w.request("abort/1")
    run(w)
    w.request("retry/2")
    run(w)
    assert w.seen.status.current_step_index == 1
    assert w.seen.status.weights.update == 10
    assert sorted(w.started) == sorted(set(w.started)), "each try has ids of its own"


def test_undo_goes_back_to_the_revision_before_and_retry_forth_again() -> None:
    w = upgraded()
    other = revision_of(BAD)
    w.apply(spec(BAD))
    w.seen = w.seen.__class__(**{**w.seen.__dict__, "spec": spec(None)})
    w.settle()
    w.apply(spec(GOOD))
    w.settle()
    assert w.seen.status.stable_revision == NEW
    w.request("undo/1")
    w.settle()
    assert w.revisions() == {"image"}
    assert w.condition("Ready") == ("False", "Undone")
    assert w.seen.status.stable_revision == "image"
    assert other not in w.revisions()
    w.request("retry/2")
    w.settle()
    assert w.condition("Ready") == ("True", "Upgraded")
    assert w.revisions() == {NEW}


@pytest.mark.parametrize(
    ("make", "verb", "why"),
    [
        (upgraded, "promote", "no upgrade is under way"),
        (upgraded, "promote-full", "no upgrade is under way"),
        (upgraded, "pause", "no upgrade is under way"),
        (upgraded, "resume", "nobody asked to pause"),
        (upgraded, "abort", "`undo` goes back"),
        (upgraded, "retry", "was not taken back"),
        (waiting, "undo", "is not stable"),
        (waiting, "retry", "was not taken back"),
        (rejected, "undo", "is not stable"),
        (rejected, "abort", "no upgrade is under way"),
    ],
)
def test_request_that_makes_no_sense_is_refused_with_the_reason(
    make: object, verb: str, why: str
) -> None:
    assert callable(make)
    w: World = make()
    w.request(f"{verb}/1")
    made = plan.make(w.seen, w.now)
    after = status.render(w.seen, made, w.now)
    assert made.request is not None
    assert why in made.request.refused
    told = [e for e in status.events(w.seen, after, made) if e.reason == "RequestRefused"]
    assert [e.message for e in told] == [made.request.refused]
    assert after.handled_request == f"{verb}/1"


@pytest.mark.parametrize("text", ["promote", "fly/1", "x" * 500])
def test_what_is_no_request_is_refused_once(text: str) -> None:
    w = upgraded()
    w.request(text)
    assert "VERB/TOKEN is right" in refused(w)
    assert refused(w) == ""


def test_request_is_carried_out_once() -> None:
    w = waiting()
    w.request("promote/1")
    run(w)
    before = w.seen.status
    run(w)
    assert w.seen.status == before
