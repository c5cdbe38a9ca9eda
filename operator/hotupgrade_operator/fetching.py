"""Pure: which pods fetch an artifact, and which are about to."""

from hotupgrade_api.resource import IMAGE_REVISION, NewPodsRevision
from hotupgrade_operator.actions import StartUpgrade
from hotupgrade_operator.conditions import UNFETCHED
from hotupgrade_operator.observation import Observation, Standing
from hotupgrade_operator.plan import Goal, Plan


def fetching(seen: Observation, made: Plan, booting: frozenset[str]) -> frozenset[str]:
    """booting: the pods whose `boot` runs now: it fetches what a new pod runs."""
    moving = (Standing.RUNNING, Standing.OTHER)
    running = {
        pod.name
        for pod, found in made.standings
        if found in moving
        and pod.agent
        and pod.agent.progress
        and pod.agent.progress.state in UNFETCHED
    }
    latest = seen.spec.new_pods.revision is NewPodsRevision.LATEST
    boots = seen.status.stable_revision != IMAGE_REVISION or (latest and seen.spec.artifact)
    return frozenset(running | _told(made) | (booting if boots else frozenset()))


def starting(made: Plan) -> frozenset[str]:
    """Those that may have to wait for the network. Going back never waits: a pod that fetched what
    it goes back to has it still."""
    return _told(made) if made.goal is Goal.UPGRADE else frozenset()


def _told(made: Plan) -> frozenset[str]:
    """The pods that the plan tells to fetch."""
    return frozenset(
        action.pod.name
        for action in made.actions
        if isinstance(action, StartUpgrade) and action.target.artifact is not None
    )
