"""Pure: what a person asked for by the request annotation, and what the status becomes by it.

A request is acted on once: status.handledRequest holds it from then on, also where it was refused.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from hotupgrade_api.request import Verb, parse
from hotupgrade_api.resource_status import HistoryEntry, HotUpgradeStatus
from hotupgrade_operator import analysis, rollout
from hotupgrade_operator.instant import written
from hotupgrade_operator.observation import Observation
from hotupgrade_operator.target import (
    REJECTED,
    Target,
    entry,
    is_rejected,
    stable_before,
    wanted,
)

MOST_CHARACTERS = 200


class CannotDo(Exception):
    """The request makes no sense as things are; the message says why."""


@dataclass(frozen=True)
class Handled:
    status: HotUpgradeStatus
    refused: str = ""
    done: str = ""  # the verb, where one was carried out


def handled(seen: Observation, now: datetime) -> Handled:
    """The status after the request, where there is one that was not acted on yet."""
    status, asked = seen.status, seen.request[:MOST_CHARACTERS]
    if not asked or asked == status.handled_request:
        return Handled(status)
    status = msgspec.structs.replace(status, handled_request=asked)
    request = parse(asked)
    if request is None:
        verbs = ", ".join(Verb)
        return Handled(status, f"cannot read the request {asked[:80]!r}: VERB/TOKEN is "
                               f"right, and the verbs are {verbs}")  # fmt: skip
    try:
        after = _after(request.verb, seen, status, now)
    except CannotDo as error:
        return Handled(status, str(error))
    return Handled(after, done=request.verb.value)


def rejected(
    status: HotUpgradeStatus, revision: str, generation: int, why: HistoryEntry
) -> HotUpgradeStatus:
    """The revision is not tried any more for this generation of the spec; why: reason, message and
    time of it."""
    known = entry(status, revision) or HistoryEntry(revision=revision)
    noted = msgspec.structs.replace(
        known, result=REJECTED, reason=why.reason, message=why.message, time=why.time
    )
    history = [e for e in status.history if e.revision != revision] + [noted]
    return msgspec.structs.replace(
        status,
        rejected_revision=revision,
        rejected_generation=generation,
        history=history,
        paused=False,
    )


def _after(
    verb: Verb, seen: Observation, status: HotUpgradeStatus, now: datetime
) -> HotUpgradeStatus:
    target = wanted(seen)
    stopped = is_rejected(status, target.revision, seen.generation)
    under_way = not stopped and status.stable_revision != target.revision
    match verb:
        case Verb.PAUSE | Verb.RESUME:
            return _paused(verb is Verb.PAUSE, under_way, status, now)
        case Verb.PROMOTE | Verb.PROMOTE_FULL:
            if not under_way:
                raise CannotDo("cannot promote: no upgrade is under way")
            return _promoted(verb is Verb.PROMOTE_FULL, seen, status, target, now)
        case Verb.ABORT:
            if not under_way:
                raise CannotDo("cannot abort: no upgrade is under way; `undo` goes back from one")
            why = _asked("Aborted", "somebody asked to abort it", now)
            return rejected(status, target.revision, seen.generation, why)
        case Verb.RETRY:
            if not stopped:
                raise CannotDo(f"cannot retry: revision {target.revision} was not taken back")
            return _again(status)
        case Verb.UNDO:
            if stopped or under_way:
                raise CannotDo("cannot undo: the spec's revision is not stable; `abort` it")
            return _undone(seen, status, target, now)


def _paused(
    pause: bool, under_way: bool, status: HotUpgradeStatus, now: datetime
) -> HotUpgradeStatus:
    if pause:
        if not under_way:
            raise CannotDo("cannot pause: no upgrade is under way")
        return msgspec.structs.replace(status, paused=True)
    if not status.paused and not (under_way and analysis.holding(status.analysis)):
        raise CannotDo("cannot resume: nobody asked to pause; spec.paused is the user's")
    measured = analysis.again(status.analysis, now)
    return msgspec.structs.replace(status, paused=False, analysis=measured)


def _promoted(
    full: bool, seen: Observation, status: HotUpgradeStatus, target: Target, now: datetime
) -> HotUpgradeStatus:
    """Past the current step, or past all of them; past the rollback window where none is left.
    Where a metric holds the upgrade beside the step: past that."""
    steps = len(seen.spec.strategy.steps)
    status = msgspec.structs.replace(rollout.begun(status, target, now), paused=False)
    index, held = status.current_step_index, analysis.holding(status.analysis)
    measured = analysis.again(status.analysis, now)
    status = msgspec.structs.replace(status, analysis=measured)
    if index >= steps:
        if not status.window_started_at and held:
            return status
        if not status.window_started_at:
            raise CannotDo("cannot promote: no step is left, and not every pod serves it yet")
        return rollout.window_ended(status)
    step = seen.spec.strategy.steps[index].analysis
    if held and not full and not (step and held.intersection(step.metrics)):
        return status
    return rollout.next_step(status, steps if full else index + 1, now)


def _again(status: HotUpgradeStatus) -> HotUpgradeStatus:
    """From its first step."""
    return msgspec.structs.replace(
        status,
        rejected_revision="",
        rejected_generation=0,
        update_revision="",
        attempt=status.attempt + 1,
    )


def _undone(
    seen: Observation, status: HotUpgradeStatus, target: Target, now: datetime
) -> HotUpgradeStatus:
    before = stable_before(status)
    if before.revision == target.revision:
        raise CannotDo("cannot undo: there is no revision before it")
    why = _asked("Undone", f"somebody asked to go back to {before.revision}", now)
    after = rejected(status, target.revision, seen.generation, why)
    return msgspec.structs.replace(
        after,
        stable_revision=before.revision,
        stable_version=before.version,
        attempt=status.attempt + 1,
    )


def _asked(reason: str, message: str, now: datetime) -> HistoryEntry:
    return HistoryEntry(revision="", reason=reason, message=message, time=written(now))
