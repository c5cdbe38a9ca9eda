"""Pure: whether a request makes sense as things are, and what came of one.

Whether it makes sense is asked of the very function that decides it in the operator.
"""

from datetime import datetime

from hotupgrade_api.request import Request, Verb
from hotupgrade_kubectl.objects import HotUpgrade, titled
from hotupgrade_operator.observation import Observation
from hotupgrade_operator.requests import handled


def refusal(request: Request, hot_upgrade: HotUpgrade, now: datetime) -> str:
    """Why it makes no sense; empty where it does."""
    status, held = hot_upgrade.status, hot_upgrade.spec.paused
    if request.verb is Verb.PAUSE and (status.paused or held):
        return "cannot pause: it is paused already" + (", by spec.paused" if held else "")
    if request.verb is Verb.RESUME and held and not status.paused:
        return "cannot resume: spec.paused holds it, and only an edit of the spec changes that"
    seen = Observation(
        namespace=hot_upgrade.metadata.namespace,
        name=hot_upgrade.name,
        uid="",
        generation=hot_upgrade.metadata.generation,
        spec=hot_upgrade.spec,
        status=status,
        request=str(request),
    )
    return handled(seen, now).refused


def carried_out(verb: Verb, before: HotUpgrade, after: HotUpgrade) -> bool:
    """Whether a request that was handled had its effect: between our look and the operator's,
    things may have changed so that it made no sense any more."""
    was, now = before.status, after.status
    match verb:
        case Verb.PAUSE:
            return now.paused
        case Verb.RESUME:
            return not now.paused
        case Verb.ABORT:
            return after.is_rejected
        case Verb.RETRY | Verb.UNDO:
            return now.attempt > was.attempt
        case Verb.PROMOTE | Verb.PROMOTE_FULL:
            moved = now.current_step_index > was.current_step_index
            return moved or now.window_started_at != was.window_started_at


def outcome(hot_upgrade: HotUpgrade) -> str:
    """Where things are, in one line."""
    status, steps = hot_upgrade.status, hot_upgrade.spec.strategy.steps
    parts = [str(status.phase)]
    if hot_upgrade.is_under_way and steps:
        at = status.current_step_index
        parts.append(f"step {at + 1} of {len(steps)}" if at < len(steps) else "every step is done")
    parts.append(f"{status.updated_pods} of {status.pods} pods updated")
    parts.append(f"stable is {titled(status.stable_revision, status.stable_version)}")
    ready = next((c for c in status.conditions if c.type == "Ready"), None)
    if ready is not None and ready.status != "True":
        parts.append(f"{ready.reason}: {ready.message}" if ready.message else ready.reason)
    return "; ".join(parts)
