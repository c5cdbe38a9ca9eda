"""Pure: what a hot upgrade would meet in these pods, found before one starts, for status to show.

One finding for each check and level: of a thousand pods that have the same trouble it names the
first. What of it keeps an upgrade from its start is decided in plan, fallback and network_findings.
"""

from collections.abc import Iterator, Sequence

from hotupgrade_api.resource import HandoffResources
from hotupgrade_api.resource_status import PreflightFinding, PreflightLevel
from hotupgrade_operator import traffic
from hotupgrade_operator.memory_headroom import headroom
from hotupgrade_operator.observation import Observation, PodObservation, Standing
from hotupgrade_operator.plan import Goal, Plan
from hotupgrade_operator.template_findings import template_findings

CAPABLE, MEMORY, DISK = "PodsCapable", "MemoryHeadroom", "StoreRoom"
NETWORK, ROUTES, DARK_PROBE = "NetworkPolicies", "Routes", "DarkProbe"
GRAVEST_FIRST = [level.value for level in reversed(PreflightLevel)]
MOST_FINDINGS = 20
PASSED, WARN, BLOCK = PreflightLevel.PASSED, PreflightLevel.WARN, PreflightLevel.BLOCK
# What was found in one pod: how grave it is, and what would be right.
Found = tuple[PodObservation, PreflightLevel, str]


def preflight(seen: Observation, plan: Plan) -> list[PreflightFinding]:
    """The gravest first. What is found in the same pods keeps its words while the spec stays:
    figures change all the time, and each status that differs is a write."""
    if plan.goal is Goal.REFUSE:  # a route that is not there is why, or nothing was looked at
        return [finding for finding in _routes(seen) if finding.level == BLOCK]
    findings = [*_pods(seen, plan), *_network(plan), *_routes(seen)]
    if seen.workload.template is not None:
        findings += template_findings(seen.workload.template, seen.spec.container)
    findings.sort(key=lambda finding: GRAVEST_FIRST.index(finding.level))
    same_spec = seen.status.observed_generation == seen.generation
    old = seen.status.preflight if same_spec else []
    before = {_key(finding): finding for finding in old if finding.pod}
    return [before.get(_key(finding), finding) for finding in findings[:MOST_FINDINGS]]


def gravest(findings: Sequence[PreflightFinding]) -> tuple[PreflightLevel, str, str]:
    """Its level and check, and for people how many are of that level and what the first says."""
    if not findings:
        return PASSED, "", ""
    first = findings[0]
    alike = sum(1 for finding in findings if finding.level == first.level)
    others = f"{alike} findings; " if alike > 1 else ""
    return PreflightLevel(first.level), first.check, f"{others}{told(first)}"


def told(finding: PreflightFinding) -> str:
    """For people, the check left out."""
    place = finding.pod or finding.field
    if finding.pods > 1:
        place = f"{finding.pods} pods, {place}"
    return f"{place}: {finding.message}" if place else finding.message


def _key(finding: PreflightFinding) -> tuple[str, str, str, int]:
    return finding.check, finding.level, finding.pod, finding.pods


def _pods(seen: Observation, plan: Plan) -> Iterator[PreflightFinding]:
    there = [(pod, found) for pod, found in plan.standings if found is not Standing.ABSENT]
    if not there:
        return
    pods = [pod for pod, _ in there]
    waiting = [pod for pod, found in there if found is Standing.WAITING]
    yield from _gathered(CAPABLE, "every pod can be upgraded hot", _incapable(pods))
    if seen.spec.handoff.resources is not HandoffResources.IGNORE:
        text = "no memory limit leaves too little for a second process"
        yield from _gathered(MEMORY, text, _short_of_memory(pods))
    if plan.target.artifact is not None and waiting:
        most = plan.target.artifact.size_limit_bytes
        text = "every store has room for the artifact"
        yield from _gathered(DISK, text, _short_of_room(waiting, most))
    if not (seen.spec.health.http_get or seen.spec.health.tcp_socket):
        text = "the readiness probe does for the new process"
        yield from _gathered(DARK_PROBE, text, _without_probe(pods))


def _gathered(check: str, passed: str, found: Iterator[Found]) -> Iterator[PreflightFinding]:
    """One for each level."""
    by_level: dict[PreflightLevel, list[tuple[PodObservation, str]]] = {}
    for pod, level, why in found:
        by_level.setdefault(level, []).append((pod, why))
    for level, those in by_level.items():
        pod, why = those[0]
        yield PreflightFinding(
            check=check, level=level.value, pod=pod.name, pods=len(those), message=why
        )
    if not by_level:
        yield PreflightFinding(check=check, level=PASSED.value, message=passed)


def _incapable(pods: Sequence[PodObservation]) -> Iterator[Found]:
    for pod in pods:
        if not pod.injected:
            why = pod.refused or "it has no launcher; a new pod has (kubectl rollout restart)"
            yield pod, BLOCK, why
        elif pod.agent is None:
            yield pod, WARN, pod.agent_error or "its agent was not asked"
        elif pod.agent.launcher is None:
            yield pod, WARN, pod.agent.reason or "its launcher does not answer"
        elif not pod.agent.hot_capable:
            yield pod, BLOCK, pod.agent.reason


def _short_of_memory(pods: Sequence[PodObservation]) -> Iterator[Found]:
    for pod in pods:
        found = headroom(pod)
        if found is not None and found.lacks:
            yield pod, BLOCK, str(found)
        elif found is not None and found.tight:
            yield pod, WARN, str(found)


def _short_of_room(pods: Sequence[PodObservation], most: int) -> Iterator[Found]:
    for pod in pods:
        room = pod.agent.store_room_bytes if pod.agent else None
        if room is not None and room < most:
            yield (
                pod,
                WARN,
                f"its store has room for {room} bytes, and spec.artifact.sizeLimitBytes is {most}; "
                "that, where the artifact is smaller, or agent.storeLimitBytes of the chart, for "
                "new pods, would be right",
            )


def _without_probe(pods: Sequence[PodObservation]) -> Iterator[Found]:
    return ((pod, WARN, pod.probe_note) for pod in pods if pod.injected and pod.probe_note)


def _network(plan: Plan) -> Iterator[PreflightFinding]:
    found = plan.network
    if found is None or found.reason == "Ignored":
        return
    level = {"True": PASSED, "False": BLOCK if found.holds else WARN}.get(found.status, WARN)
    yield PreflightFinding(check=NETWORK, level=level.value, message=found.message)


def _routes(seen: Observation) -> Iterator[PreflightFinding]:
    if seen.spec.traffic_routing is None:
        return
    if why := traffic.problem(seen):
        yield PreflightFinding(check=ROUTES, level=BLOCK.value, message=why)
    else:
        text = "every route that spec.trafficRouting names is there"
        yield PreflightFinding(check=ROUTES, level=PASSED.value, message=text)
