"""Pure: the part of a plan that measures: from which pods on, and what is asked of whom."""

from datetime import datetime

import msgspec

from hotupgrade_api.resource_status import HotUpgradeStatus
from hotupgrade_operator import analysis
from hotupgrade_operator.observation import Observation, Standing
from hotupgrade_operator.question import Question, Subject, questions
from hotupgrade_operator.rollout import Standings, weight_of
from hotupgrade_operator.target import Target

SERVING = (Standing.HELD, Standing.DONE)
WHOLE = 100


def measured(seen: Observation, standings: Standings, now: datetime) -> HotUpgradeStatus:
    """The status with what came in; from when a pod serves: before that there is nothing of the
    revision to measure."""
    status = seen.status
    if not status.analysis and not any(found in SERVING for _, found in standings):
        return status
    if status.observed_generation != seen.generation:
        # Whoever changes the spec may have mended what a metric waits for.
        anew = analysis.again(status.analysis, now)
        status = msgspec.structs.replace(status, analysis=anew)
    after = analysis.advanced(seen.spec, status, seen.replies, now)
    return msgspec.structs.replace(status, analysis=after)


def due(
    seen: Observation, target: Target, standings: Standings, now: datetime
) -> tuple[Question, ...]:
    """Also while the upgrade is paused; not once it is over, or on its way back."""
    status = seen.status
    if seen.spec.analysis is None or target.revision == status.stable_revision:
        return ()
    update, old = _subjects(seen.namespace, target.revision, status.stable_revision, standings)
    return questions(seen.spec.analysis, status.analysis, update, old, now)


def _subjects(
    namespace: str, update: str, stable: str, standings: Standings
) -> tuple[Subject, Subject]:
    """Who runs the revision that is brought out, and who the stable one. A pod that shares its
    connections between both is of both: only a label of the program's own tells them apart."""
    new = [pod for pod, found in standings if found in SERVING]
    old = [pod for pod, found in standings if found in (Standing.WAITING, Standing.RUNNING)]
    old += [pod for pod in new if 0 < weight_of(pod) < WHOLE]
    return (
        Subject(namespace, update, tuple(pod.name for pod in new)),
        Subject(namespace, stable, tuple(pod.name for pod in old)),
    )
