"""Pure: what a hot upgrade would meet in a cluster, as the operator found it; for a manifest that
is not applied yet, as far as it can be told from outside."""

from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from hotupgrade_api.resource import HandoffResources, HotUpgradeSpec
from hotupgrade_api.resource_status import PreflightFinding, PreflightLevel
from hotupgrade_kubectl.objects import HotUpgrade, Pod
from hotupgrade_operator.pod_template import PodTemplate
from hotupgrade_operator.preflight import CAPABLE, DARK_PROBE, DISK, MEMORY, NETWORK, ROUTES, told
from hotupgrade_operator.template_findings import template_findings

# What only the operator can find: by the agents, or by every policy of the namespaces concerned.
OPERATORS = (CAPABLE, MEMORY, NETWORK, DARK_PROBE)
WORKLOAD = "Workload"
STYLES = {"Block": "red", "Warn": "yellow", "Pass": "dim"}
Findings = Sequence[PreflightFinding]


def unseen(hot_upgrade: HotUpgrade) -> str:
    """Why the operator's findings are not those of the spec as it is; empty where they are."""
    if not hot_upgrade.is_observed:
        return "the operator has not seen the spec as it is now; does one run?"
    if hot_upgrade.status.preflight:
        return ""
    ready = next((c for c in hot_upgrade.status.conditions if c.type == "Ready"), None)
    return f"the operator did not look: {ready.message or ready.reason}" if ready else "no operator"


def of_manifest(
    spec: HotUpgradeSpec,
    template: PodTemplate | None,
    pods: Sequence[Pod],
    applied: HotUpgrade | None,
) -> list[PreflightFinding]:
    """template: of the workload; None where there is none. applied: the HotUpgrade of that name as
    the cluster has it, whose pods the operator has looked at."""
    if template is None:
        ref = spec.workload_ref
        why = f"{ref.kind} {ref.name} is neither in the cluster nor in these files"
        return [PreflightFinding(check=WORKLOAD, level=PreflightLevel.BLOCK.value, message=why)]
    found = list(_seen(applied, spec) if applied and not unseen(applied) else _from_outside(pods))
    return [*found, *template_findings(template, spec.container)]


def _seen(applied: HotUpgrade, spec: HotUpgradeSpec) -> Iterator[PreflightFinding]:
    """What the operator found of the pods, where it holds for this spec, too."""
    mine = spec.health.http_get or spec.health.tcp_socket
    ignored = spec.handoff.resources is HandoffResources.IGNORE
    for finding in applied.status.preflight:
        of_other_spec = (finding.check == DARK_PROBE and mine) or (
            finding.check == MEMORY and ignored
        )
        same = (finding.check == DISK and applied.spec.artifact == spec.artifact) or (
            finding.check == ROUTES and applied.spec.traffic_routing == spec.traffic_routing
        )
        if same or (finding.check in OPERATORS and not of_other_spec):
            yield finding


def _from_outside(pods: Sequence[Pod]) -> Iterator[PreflightFinding]:
    """No operator has looked yet, which alone can ask the agents."""
    plain = [pod for pod in pods if not pod.is_injected]
    if plain:
        record = plain[0].record
        yield PreflightFinding(
            check=CAPABLE,
            level=PreflightLevel.BLOCK.value,
            pod=plain[0].name,
            pods=len(plain),
            message=record.refused or "it has no launcher; a new pod has (kubectl rollout restart)",
        )
    elif not pods:
        yield PreflightFinding(
            check=CAPABLE,
            level=PreflightLevel.WARN.value,
            message="no pod has the label hotupgrade.io/name with this name; the template sets it",
        )


def is_blocked(findings: Iterable[PreflightFinding]) -> bool:
    return any(finding.level == PreflightLevel.BLOCK for finding in findings)


def lines(findings: Findings) -> list[Text]:
    """The gravest first."""
    order = list(STYLES)
    graded = sorted(findings, key=lambda f: order.index(f.level) if f.level in order else 0)
    return [
        Text.assemble(
            (finding.level, STYLES.get(finding.level, "")),
            f": {finding.check}: {told(finding)}",
        )
        for finding in graded
    ]
