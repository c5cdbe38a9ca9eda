"""Pure: a snapshot of one HotUpgrade as a tree for people."""

from collections.abc import Iterable
from datetime import datetime

from rich.text import Text
from rich.tree import Tree

from hotupgrade_api.resource import Step
from hotupgrade_api.resource_status import Condition, MetricStatus, PreflightLevel
from hotupgrade_kubectl import preflight
from hotupgrade_kubectl.ages import age
from hotupgrade_kubectl.objects import Event, HotUpgrade, Pod, Snapshot, titled
from hotupgrade_kubectl.processes import told

MOST_PODS = 30  # a tree that does not fit on a screen shows nothing
MOST_EVENTS = 8
GOOD_IF_FALSE = {
    *("Reconciling", "Stalled", "Progressing", "Paused", "Fallback", "Superseded", "Degraded")
}
STYLES = {
    "Stable": "green",
    "Upgrading": "cyan",
    "Paused": "yellow",
    "RollingBack": "red",
    "Aborted": "red",
    "Invalid": "red",
}


def render(seen: Snapshot, now: datetime) -> Tree:
    hot_upgrade = seen.hot_upgrade
    tree = Tree(_title(hot_upgrade))
    tree.add(_workload(hot_upgrade))
    tree.add(_revisions(hot_upgrade))
    if hot_upgrade.is_under_way:
        weights = hot_upgrade.status.weights
        tree.add(f"new connections: {weights.stable} % stable, {weights.update} % target")
        if hot_upgrade.spec.strategy.steps:
            _steps(tree, hot_upgrade, now)
    _branch(tree, "analysis", (_metric(m) for m in hot_upgrade.status.analysis))
    _branch(tree, "pods", _pods(seen))
    troubles = [f for f in hot_upgrade.status.preflight if f.level != PreflightLevel.PASSED]
    _branch(tree, "preflight", preflight.lines(troubles))
    _branch(tree, "conditions", (_condition(c, now) for c in _telling(hot_upgrade)))
    _branch(tree, "events", (_event(e, now) for e in seen.events[-MOST_EVENTS:]))
    return tree


def step_text(step: Step) -> str:
    """As a person would say it."""
    if step.set_pods is not None:
        return f"setPods {step.set_pods}"
    if step.set_weight is not None:
        return f"setWeight {step.set_weight}"
    if step.analysis is not None:
        return f"analysis of {', '.join(step.analysis.metrics)}"
    seconds = step.pause.duration_seconds if step.pause else None
    return "pause until promote" if seconds is None else f"pause {seconds}s"


def _title(hot_upgrade: HotUpgrade) -> Text:
    status, meta = hot_upgrade.status, hot_upgrade.metadata
    phase = str(status.phase)
    title = Text.assemble((meta.name, "bold"), f" in {meta.namespace}: ")
    title.append(phase, STYLES.get(phase, ""))
    if not hot_upgrade.is_observed:
        title.append("; the operator has not seen the spec as it is now", "yellow")
    return title


def _workload(hot_upgrade: HotUpgrade) -> str:
    ref, status = hot_upgrade.spec.workload_ref, hot_upgrade.status
    counts = f"{status.pods} pods, {status.updated_pods} updated, {status.ready_pods} ready"
    return f"{ref.kind} {ref.name}: {counts}"


def _revisions(hot_upgrade: HotUpgrade) -> str:
    status, artifact = hot_upgrade.status, hot_upgrade.spec.artifact
    stable = f"stable {titled(status.stable_revision, status.stable_version)}"
    wanted = titled(hot_upgrade.wanted, artifact.version if artifact else "")
    if hot_upgrade.is_rejected:
        return f"{stable}, rejected {wanted}"
    return f"{stable}, target {wanted}" if hot_upgrade.is_under_way else stable


def _steps(tree: Tree, hot_upgrade: HotUpgrade, now: datetime) -> None:
    status, steps = hot_upgrade.status, hot_upgrade.spec.strategy.steps
    at = status.current_step_index
    place = f"step {at + 1} of {len(steps)}" if at < len(steps) else f"all {len(steps)} steps done"
    since = f", for {age(status.step_started_at, now)}" if status.step_started_at else ""
    branch = tree.add(place + since)
    for index, step in enumerate(steps):
        word, style = ("done", "dim") if index < at else ("next", "")
        if index == at:
            word, style = "now ", "bold"
        branch.add(Text(f"{word}  {step_text(step)}", style))


def _metric(metric: MetricStatus) -> Text:
    counts = f"{metric.successful} good, {metric.failed} bad, {metric.inconclusive} inconclusive"
    style = {"Successful": "green", "Running": "cyan"}.get(metric.phase.value, "red")
    text = Text.assemble(f"{metric.name}  ", (metric.phase.value, style), f"  {counts}")
    if metric.value:
        text.append(f"; last {metric.value}")
    if metric.message:
        text.append(f"; {metric.message}")
    return text


def shown_pods(seen: Snapshot) -> list[Pod]:
    """Those in trouble first, then those that do not run the target yet; MOST_PODS in all."""
    failed = {pod.name for pod in seen.hot_upgrade.status.failed_pods}

    def rank(pod: Pod) -> tuple[bool, bool, bool, str]:
        runs = pod.revision == _target(seen)
        return pod.name not in failed, pod.state == "Ready", runs, pod.name

    return sorted(seen.pods, key=rank)[:MOST_PODS]


def _target(seen: Snapshot) -> str:
    status = seen.hot_upgrade.status
    return status.update_revision or status.stable_revision


def _pods(seen: Snapshot) -> list[Text]:
    failed = {pod.name: pod for pod in seen.hot_upgrade.status.failed_pods}
    shown = shown_pods(seen)
    width = max((len(pod.name) for pod in shown), default=0)
    lines = []
    for pod in shown:
        line = _pod(pod, width, _target(seen))
        if pod.name in seen.processes:
            line.append(f"  {told(seen.processes[pod.name])}")
        if pod.name in failed:
            why = failed[pod.name]
            line.append(f"  {why.reason}: {why.message}".rstrip(": "), "red")
        lines.append(line)
    if len(seen.pods) > len(shown):
        lines.append(Text(f"and {len(seen.pods) - len(shown)} more"))
    return lines


def _pod(pod: Pod, width: int, target: str) -> Text:
    state = Text(f"{pod.state:<11}", "green" if pod.state == "Ready" else "yellow")
    line = Text.assemble(f"{pod.name:<{width}}  ", state, "  ")
    runs = titled(pod.revision, pod.version)
    line.append(runs, "cyan" if pod.revision == target else "")
    if pod.restarts:
        line.append(f"  {pod.restarts} restarts")
    return line


def _telling(hot_upgrade: HotUpgrade) -> list[Condition]:
    """Ready, and each that is not as it is in quiet times."""
    return [
        c
        for c in hot_upgrade.status.conditions
        if c.type == "Ready" or c.status != ("False" if c.type in GOOD_IF_FALSE else "True")
    ]


def _condition(condition: Condition, now: datetime) -> Text:
    good = condition.status == ("False" if condition.type in GOOD_IF_FALSE else "True")
    text = Text.assemble(
        f"{condition.type:<12}",
        (f"{condition.status:<8}", "green" if good else "yellow"),
        f"{condition.reason}, for {age(condition.last_transition_time, now)}",
    )
    if condition.message:
        text.append(f": {condition.message}")
    return text


def _event(event: Event, now: datetime) -> Text:
    style = "red" if event.type == "Warning" else ""
    ago = f"{age(event.last_timestamp, now):>4}"
    return Text.assemble(f"{ago}  ", (event.reason, style), f"  {event.message}")


def _branch(tree: Tree, title: str, lines: Iterable[Text]) -> None:
    found = list(lines)
    if found:
        branch = tree.add(title)
        for line in found:
            branch.add(line)
