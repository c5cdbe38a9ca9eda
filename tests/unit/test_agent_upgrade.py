"""The agent's state machine: from every state, with whatever the launcher says, what is next."""

import msgspec
import pytest

from hotupgrade_agent import upgrade
from hotupgrade_agent.upgrade import Action, Failed, Journal
from hotupgrade_api.agent_messages import FailureReason, PodState, UpgradeCommand
from hotupgrade_api.launcher_messages import (
    Base,
    LauncherStatus,
    Mode,
    TakenBack,
    UpgradeState,
    UpgradeStatus,
)
from hotupgrade_api.resource import Handoff

COMMAND = UpgradeCommand(pod_uid="p", hot_upgrade_uid="h", revision="r2", id="u1")


def at(state: PodState, **changes: object) -> Journal:
    journal = upgrade.moved(upgrade.begun(COMMAND, "image", "image", 0), state)
    return msgspec.structs.replace(journal, **changes)


def launcher(state: UpgradeState | None, reason: TakenBack | None = None) -> LauncherStatus:
    known = UpgradeStatus(id="u1", state=state, reason=reason, message="m") if state else None
    return LauncherStatus(sequence=1, mode=Mode.TRANSPARENT, upgrade=known)


@pytest.mark.parametrize(
    ("state", "of_launcher", "action"),
    [
        (PodState.FETCHING, None, Action.FETCH),
        (PodState.STAGED, None, Action.START),
        (PodState.STARTING, None, Action.START),
        (PodState.STARTING, UpgradeState.LISTENING, Action.START),  # answered alike: same id
        (PodState.PROBING, UpgradeState.STARTING, Action.AWAIT_LISTENING),
        (PodState.PROBING, UpgradeState.LISTENING, Action.PROBE),
        (PodState.HOLDING, UpgradeState.LISTENING, Action.HOLD),
        (PodState.FLIPPING, UpgradeState.LISTENING, Action.FLIP),
        (PodState.FLIPPING, UpgradeState.FLIPPED, Action.FLIP),
        (PodState.WATCHING, UpgradeState.FLIPPED, Action.WATCH),
        (PodState.COMMITTING, UpgradeState.FLIPPED, Action.COMMIT),
        (PodState.COMMITTING, UpgradeState.PROMOTED, Action.COMMIT),
        (PodState.COMMITTING, None, Action.COMMIT),  # the container restarted: it runs `current`
        (PodState.ROLLING_BACK, None, Action.ROLL_BACK),
        (PodState.COMMITTED, None, Action.NOTHING),
        (PodState.FAILED, None, Action.NOTHING),
    ],
)
def test_next_action_follows_from_journal_and_launcher(
    state: PodState, of_launcher: UpgradeState | None, action: Action
) -> None:
    assert upgrade.next_action(at(state), launcher(of_launcher)) is action


@pytest.mark.parametrize("state", sorted(upgrade.ALIVE))
def test_launcher_that_took_it_back_or_lost_it_fails_the_upgrade(state: PodState) -> None:
    with pytest.raises(Failed) as lost:
        upgrade.next_action(at(state), launcher(None))
    assert lost.value.reason is FailureReason.PROCESS_EXITED
    with pytest.raises(Failed) as taken:
        upgrade.next_action(at(state), launcher(UpgradeState.ROLLED_BACK, TakenBack.OUT_OF_MEMORY))
    assert taken.value.reason is FailureReason.OUT_OF_MEMORY


def test_every_reason_of_the_launcher_is_one_of_ours() -> None:
    assert {r.value for r in TakenBack} <= {r.value for r in FailureReason}


@pytest.mark.parametrize(
    ("serving", "current", "state"),
    [
        ("image", "image", PodState.FETCHING),
        ("r2", "r2", PodState.COMMITTED),
        ("r2", "r1", PodState.COMMITTING),  # r1 was superseded here: a restart may run it again
    ],
)
def test_revision_that_serves_already_is_committed_at_most(
    serving: str, current: str, state: PodState
) -> None:
    progress = upgrade.begun(COMMAND, serving, current, 5).progress
    assert progress.state is state
    assert bool(progress.finished_at) is (state is PodState.COMMITTED)


def test_hold_stops_before_the_flip_until_promote() -> None:
    held = msgspec.structs.replace(COMMAND, hold=True)
    journal = upgrade.moved(upgrade.begun(held, "image", "image", 0), PodState.PROBING)
    assert upgrade.proven(journal).progress.state is PodState.HOLDING
    asked = upgrade.promote_asked(upgrade.proven(journal))
    assert asked.progress.state is PodState.FLIPPING
    assert upgrade.window_left(asked, 1) == 0


def test_weight_that_is_asked_for_is_set_once_also_after_a_restart() -> None:
    held = at(PodState.HOLDING)
    assert upgrade.next_action(held, launcher(UpgradeState.LISTENING)) is Action.HOLD
    asked = upgrade.weight_asked(held, 30)
    assert upgrade.next_action(asked, launcher(UpgradeState.LISTENING)) is Action.STEER
    done = upgrade.steered(asked, 30)
    assert done.progress.weight == 30
    assert upgrade.next_action(done, launcher(UpgradeState.SHIFTED)) is Action.HOLD


def test_weight_that_is_asked_for_while_another_is_set_is_not_lost() -> None:
    asked = upgrade.weight_asked(at(PodState.HOLDING), 30)
    meanwhile = upgrade.weight_asked(asked, 60)
    after = upgrade.overlaid(upgrade.steered(asked, 30), meanwhile)
    assert (after.progress.weight, after.weight) == (30, 60)


@pytest.mark.parametrize(("elapsed", "left"), [(0, 10), (9, 1), (10, 0), (11, 0)])
def test_rollback_window_ends_in_time(elapsed: float, left: float) -> None:
    command = msgspec.structs.replace(COMMAND, handoff=Handoff(rollback_window_seconds=10))
    assert upgrade.window_left(at(PodState.WATCHING, command=command), elapsed) == left


@pytest.mark.parametrize(
    ("expected", "image", "sha256", "named"),
    [
        (None, "app:2", "b", ""),
        (Base(), "app:2", "b", ""),
        (Base(image="app:1", sha256="a"), "app:1", "a", ""),
        (Base(image="app:1", sha256="a"), "app:1", "", ""),  # not known yet
        (Base(image="app:1"), "", "", ""),  # no image is known outside Kubernetes
        (Base(image="app:1", sha256="a"), "app:2", "a", "app:2"),
        (Base(image="app:1", sha256="a"), "app:1", "b", "here it is b"),
    ],
)
def test_revision_holds_for_its_base_only(
    expected: Base | None, image: str, sha256: str, named: str
) -> None:
    if not named:
        upgrade.check_base(expected, image, sha256)
        return
    with pytest.raises(Failed, match=named) as failed:
        upgrade.check_base(expected, image, sha256)
    assert failed.value.reason is FailureReason.SUPERSEDED


def test_rollback_asked_for_meanwhile_wins_but_not_over_a_commit() -> None:
    asked = upgrade.failing(at(PodState.WATCHING), FailureReason.REQUESTED, "stop")
    assert upgrade.overlaid(at(PodState.COMMITTING), asked) == asked
    committed = upgrade.committed(at(PodState.COMMITTING), 9)
    assert upgrade.overlaid(committed, asked) == committed


def test_first_reason_is_kept() -> None:
    first = upgrade.failing(at(PodState.WATCHING), FailureReason.PROBE_FAILED, "one")
    assert upgrade.failing(first, FailureReason.REQUESTED, "two") == first
