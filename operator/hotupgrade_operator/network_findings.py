"""Pure: which of the needed paths are shut, by which policies, and which pods must wait for it.

Policies are read first. What was tried counts for more: an agent that answered, or that reached
the artifact's host, is not cut off, whatever the policies seem to say; and policies that open a
path may not be in force yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hotupgrade_api.resource import NetworkPolicyMode
from hotupgrade_operator.connection import Judgement, Verdict
from hotupgrade_operator.network_policy import Direction, Policy
from hotupgrade_operator.network_view import NetworkView, Path

# What an agent said when it tried to reach the artifact's host: nothing is wrong, or what is.
Tries = Mapping[str, str]


@dataclass(frozen=True)
class NetworkFact:
    """What the condition NetworkReady says. holds: pods wait for it."""

    status: str
    reason: str
    message: str = ""
    holds: bool = False


@dataclass(frozen=True)
class Finding:
    pod: str
    path: Path
    judgement: Judgement
    tried: str | None  # None: it was not

    @property
    def open(self) -> bool:
        return self.tried == "" or (self.tried is None and self.judgement.verdict is Verdict.YES)

    @property
    def shut(self) -> bool:
        return bool(self.tried) or (self.tried is None and self.judgement.verdict is Verdict.NO)

    def __str__(self) -> str:
        why = f": {self.tried}" if self.tried else ""
        names = ", ".join(_name(policy) for policy in self.judgement.shut_by)
        return f"{self.pod}: {self.path.name}{why}" + (f"; selected by {names}" if names else "")


def to_try(view: NetworkView, starting: frozenset[str]) -> frozenset[str]:
    """The pods of those whose agent is to try the artifact's host before its upgrade is started:
    some policy stands in the way, or has just been opened. Elsewhere the fetch itself will tell."""
    return frozenset(
        pod
        for pod in starting
        if view.host is not None
        and (
            view.isolating(pod, Direction.EGRESS)
            or any(_judge(p, view).verdict is not Verdict.YES for p in view.fetch_paths(pod))
        )
    )


def held(view: NetworkView, starting: frozenset[str], tries: Tries) -> frozenset[str]:
    """The pods whose upgrade must not be started now."""
    found = fetch_findings(view, view.own, tries)
    return frozenset(f.pod for f in found if f.pod in starting and f.shut)


def fetch_findings(view: NetworkView, own: tuple[Policy, ...], tries: Tries) -> list[Finding]:
    """own: those of ours that are to be counted in."""
    return [
        Finding(pod, path, path.judge(view.policies + own), tries.get(pod))
        for pod in sorted(view.pods)
        for path in view.fetch_paths(pod)
    ]


def agent_findings(
    view: NetworkView, own: tuple[Policy, ...], reached: frozenset[str]
) -> list[Finding]:
    """reached: the pods whose agent answered."""
    return [
        Finding(pod, path, path.judge(view.policies + own), "" if pod in reached else None)
        for pod in sorted(view.pods)
        for path in (view.agent_path(pod),)
    ]


def fact(
    mode: NetworkPolicyMode,
    view: NetworkView,
    findings: list[Finding],
    planned: tuple[Policy, ...],
    holds: bool,
) -> NetworkFact:
    """planned: ours, those included that are made once something is fetched."""
    if not view.isolated:
        text = "no NetworkPolicy selects the pods, and none is made: mutual TLS guards the agents"
        return NetworkFact("True", "NoPolicies", text)
    shut = [finding for finding in findings if finding.shut]
    if shut:
        pods = {finding.pod for finding in shut}
        message = f"{len(pods)} pods; {shut[0]}"
        if mode is NetworkPolicyMode.VERIFY:
            message += "; open it, or let spec.networkPolicy.mode be Manage"
        reason = "HostUnreachable" if shut[0].tried else "PathShut"
        return NetworkFact("False", reason, message, holds)
    unsure = [finding for finding in findings if not finding.open]
    if unsure:
        return NetworkFact("Unknown", "CannotTell", f"policies do not tell: {unsure[0]}")
    if planned:
        names = sorted({o.name for p in planned for o in p.metadata.owner_references})
        text = f"ours stand beside {', '.join(names)}; for egress, while a pod fetches"
        return NetworkFact("True", "Managed", text)
    return NetworkFact("True", "PathsOpen", "the policies that select the pods let all pass")


def _judge(path: Path, view: NetworkView) -> Judgement:
    return path.judge(view.policies + view.own)


def _name(policy: Policy) -> str:
    return f"NetworkPolicy {policy.metadata.namespace}/{policy.metadata.name}"
