"""Pure: what is wrong with a spec beside the workload that it names."""

from collections.abc import Sequence

from hotupgrade_api.resource import HotUpgradeSpec
from hotupgrade_operator.observation import Container, Workload

# In a shell's text the launcher replaces no word: the text names the file by this.
ARTIFACT_VARIABLE = "HOTUPGRADE_ARTIFACT"


def missing(spec: HotUpgradeSpec, namespace: str) -> str:
    """That there is no such workload, and what would be right."""
    ref = spec.workload_ref
    return (
        f"spec.workloadRef: cannot find {ref.kind} {ref.name} of {ref.api_version} in {namespace}; "
        "a Deployment, StatefulSet, DaemonSet or ReplicaSet of apps/v1 that is there is right"
    )


def invalid(spec: HotUpgradeSpec, workload: Workload) -> str:
    """What is wrong, where, and what would be right; empty where nothing is."""
    if not workload.containers:
        return ""
    names = [each.name for each in workload.containers]
    ref = spec.workload_ref
    if spec.container and spec.container not in names:
        return (
            f"spec.container is {spec.container!r}, which {ref.kind} {ref.name} does not have; "
            f"one of {names} is right"
        )
    wanted = spec.container or names[0]
    if not spec.container and len(names) > 1:
        return ""  # one may be a proxy's: injection knows, and says so where it does not
    app = next(each for each in workload.containers if each.name == wanted)
    return _replaces(spec, app)


def can_replace(replaces: str, words: Sequence[str]) -> bool:
    """As the launcher decides it, when the upgrade starts. words: what the container runs."""
    named = (f"${ARTIFACT_VARIABLE}", f"${{{ARTIFACT_VARIABLE}")
    return not replaces or replaces in words or any(n in word for n in named for word in words)


def _replaces(spec: HotUpgradeSpec, app: Container) -> str:
    command = app.command or tuple(spec.command)
    replaces = spec.artifact.replaces if spec.artifact else ""
    words = [*command, *app.arguments]
    if not command or can_replace(replaces, words):
        return ""
    return (
        f"spec.artifact.replaces is {replaces!r}, which is no word of what container {app.name} "
        f"runs, {words}; one of them is right, or ${ARTIFACT_VARIABLE} in a shell's text"
    )
