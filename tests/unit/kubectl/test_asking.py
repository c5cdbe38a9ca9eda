"""Which request makes sense in which state, and whether one had its effect."""

import pytest

from hotupgrade_api.request import Request, Verb
from hotupgrade_kubectl.asking import carried_out, outcome, refusal
from hotupgrade_kubectl.objects import HotUpgrade
from tests.unit.kubectl.seen import NEW, NOW, hot_upgrade, rejected, stable

STEPS = {"steps": [{"setPods": 1}, {"pause": {}}]}
UNDER_WAY = hot_upgrade(strategy=STEPS)
PAUSED = hot_upgrade({"paused": True, "phase": "Paused"}, strategy=STEPS)
HELD = hot_upgrade(strategy=STEPS, paused=True)
IN_WINDOW = hot_upgrade(
    {"currentStepIndex": 2, "windowStartedAt": "2026-01-01T11:59:59Z"}, strategy=STEPS
)
FIRST = stable({"history": [{"revision": NEW, "result": "Stable"}]})
ONLY_IMAGE = stable(
    {"stableRevision": "image", "updateRevision": "image", "history": []}, artifact=None
)


@pytest.mark.parametrize(
    ("verb", "state"),
    [
        (Verb.PROMOTE, UNDER_WAY),
        (Verb.PROMOTE, PAUSED),
        (Verb.PROMOTE, IN_WINDOW),
        (Verb.PROMOTE_FULL, UNDER_WAY),
        (Verb.PAUSE, UNDER_WAY),
        (Verb.RESUME, PAUSED),
        (Verb.ABORT, UNDER_WAY),
        (Verb.ABORT, PAUSED),
        (Verb.ABORT, HELD),
        (Verb.RETRY, rejected()),
        (Verb.UNDO, stable()),
        (Verb.UNDO, FIRST),
    ],
)
def test_makes_sense(verb: Verb, state: HotUpgrade) -> None:
    assert refusal(Request(verb, "1"), state, NOW) == ""


@pytest.mark.parametrize(
    ("verb", "state", "why"),
    [
        (Verb.PROMOTE, stable(), "no upgrade is under way"),
        (Verb.PROMOTE, rejected(), "no upgrade is under way"),
        (Verb.PROMOTE_FULL, stable(), "no upgrade is under way"),
        (Verb.PAUSE, stable(), "no upgrade is under way"),
        (Verb.PAUSE, PAUSED, "paused already"),
        (Verb.PAUSE, HELD, "by spec.paused"),
        (Verb.RESUME, UNDER_WAY, "nobody asked to pause"),
        (Verb.RESUME, HELD, "only an edit of the spec"),
        (Verb.ABORT, stable(), "no upgrade is under way"),
        (Verb.ABORT, rejected(), "no upgrade is under way"),
        (Verb.RETRY, stable(), "was not taken back"),
        (Verb.RETRY, UNDER_WAY, "was not taken back"),
        (Verb.RETRY, rejected({"rejectedGeneration": 3}), "was not taken back"),
        (Verb.UNDO, UNDER_WAY, "`abort` it"),
        (Verb.UNDO, rejected(), "`abort` it"),
        (Verb.UNDO, ONLY_IMAGE, "no revision before it"),
    ],
)
def test_makes_no_sense_and_says_why(verb: Verb, state: HotUpgrade, why: str) -> None:
    assert why in refusal(Request(verb, "1"), state, NOW)


NEXT_STEP = hot_upgrade({"currentStepIndex": 1}, strategy=STEPS)
AGAIN = hot_upgrade({"attempt": 1}, strategy=STEPS)
BACK = rejected({"attempt": 1})


@pytest.mark.parametrize(
    ("verb", "before", "after", "effect"),
    [
        (Verb.PROMOTE, UNDER_WAY, NEXT_STEP, True),
        (Verb.PROMOTE, UNDER_WAY, IN_WINDOW, True),
        (Verb.PROMOTE, UNDER_WAY, UNDER_WAY, False),
        (Verb.PROMOTE_FULL, UNDER_WAY, rejected(), False),
        (Verb.PAUSE, UNDER_WAY, PAUSED, True),
        (Verb.PAUSE, UNDER_WAY, rejected(), False),
        (Verb.RESUME, PAUSED, UNDER_WAY, True),
        (Verb.ABORT, UNDER_WAY, rejected(), True),
        (Verb.ABORT, UNDER_WAY, stable(), False),
        (Verb.RETRY, rejected(), AGAIN, True),
        (Verb.RETRY, rejected(), rejected(), False),
        (Verb.UNDO, stable(), BACK, True),
        (Verb.UNDO, stable(), UNDER_WAY, False),
    ],
)
def test_effect_of_a_request_is_seen_in_the_status(
    verb: Verb, before: HotUpgrade, after: HotUpgrade, effect: bool
) -> None:
    assert carried_out(verb, before, after) is effect


def test_outcome_tells_phase_step_pods_and_what_is_not_ready() -> None:
    condition = {"type": "Ready", "status": "False", "reason": "Upgrading", "message": "1 of 3"}
    seen = hot_upgrade({"conditions": [condition], "updatedPods": 1}, strategy=STEPS)
    assert outcome(seen) == (
        "Upgrading; step 1 of 2; 1 of 3 pods updated; "
        "stable is 1.8.1 (0a1b2c3d4e5f6071); Upgrading: 1 of 3"
    )
