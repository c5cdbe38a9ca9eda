"""Pure: what is wrong with a spec that the schema cannot say, and what is not implemented yet."""

from collections.abc import Sequence

import msgspec

from hotupgrade_api.artifact_host import host_of
from hotupgrade_api.resource import (
    Artifact,
    ArtifactFormat,
    ArtifactRequires,
    AutoscalingMode,
    HandoffMode,
    HandoffResources,
    Health,
    HotUpgradeSpec,
    Step,
    Strategy,
    StrategyType,
)
from hotupgrade_operator import allowed_hosts, analysis_validation, egress_validation
from hotupgrade_operator.allowed_hosts import AllowedHosts

MOST_CHARACTERS = 100


def not_implemented(spec: HotUpgradeSpec) -> list[str]:
    """The fields that a later release will act on. They are refused, never ignored silently."""
    artifact, source = spec.artifact, spec.artifact.source if spec.artifact else None
    checks = [
        ("spec.artifact.source.oci", source is not None and source.oci is not None),
        ("spec.artifact.source.s3", source is not None and source.s3 is not None),
        ("spec.artifact.platforms", bool(artifact and artifact.platforms)),
        ("spec.artifact.signature", bool(artifact and artifact.signature)),
        ("spec.artifact.secretRef", bool(artifact and artifact.secret_ref)),
        (
            "spec.artifact.format",
            bool(artifact and artifact.format in (ArtifactFormat.TAR_GZ, ArtifactFormat.TAR_ZST)),
        ),
        (
            "spec.handoff.mode",
            spec.handoff.mode not in (HandoffMode.AUTO, HandoffMode.TRANSPARENT),
        ),
        ("spec.handoff.resources", spec.handoff.resources is HandoffResources.RESIZE),
        (
            "spec.trafficRouting.gatewayAPI",
            bool(spec.traffic_routing and spec.traffic_routing.gateway_api),
        ),
        ("spec.autoscaling.mode", spec.autoscaling.mode is AutoscalingMode.HOLD),
    ]
    return [field for field, used in checks if used]


def unreadable(error: msgspec.ValidationError) -> str:
    """What the schema let through, and the types do not."""
    return f"cannot read spec: {error}".replace("`$", "`spec")


def invalid(spec: HotUpgradeSpec, allowed: AllowedHosts = allowed_hosts.ANY) -> str:
    """What is wrong, where, and what would be right; empty where nothing is. allowed: the servers
    that the operator may ask."""
    replaces = spec.artifact.replaces if spec.artifact else ""
    if replaces and spec.command and replaces not in spec.command:
        return (
            f"spec.artifact.replaces is {replaces!r}, which is no word of spec.command "
            f"{spec.command}; one of them is right"
        )
    most = spec.strategy.max_concurrent
    if (most if isinstance(most, int) else int(most.rstrip("%"))) < 1:
        return f"spec.strategy.maxConcurrent is {most}; 1 or more, or 1% to 100%, is right"
    return (
        _source(spec.artifact)
        or _health(spec.health)
        or _strategy(spec.strategy, spec.artifact)
        or _steps(spec.strategy.steps)
        or egress_validation.invalid(spec.network_policy.egress)
        or analysis_validation.invalid(spec, allowed)
    )


def _source(artifact: Artifact | None) -> str:
    if artifact is None or artifact.source is None or host_of(artifact) is not None:
        return ""
    http = artifact.source.http
    url = http.url if http else ""
    return (
        f"spec.artifact.source.http.url is {url[:MOST_CHARACTERS]!r}, which names no server; "
        "http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH is right"
    )


def _health(health: Health) -> str:
    if health.http_get is None and health.expect.json:
        return "spec.health.expect.json needs spec.health.httpGet: only an HTTP answer has a body"
    if health.tcp_socket is not None and health.expect.status is not None:
        return (
            "spec.health.expect.status needs spec.health.httpGet: "
            "a connection to spec.health.tcpSocket has no status"
        )
    return ""


def _strategy(strategy: Strategy, artifact: Artifact | None) -> str:
    """What is asked for, and would be ignored."""
    if strategy.type is StrategyType.ROLLING_UPDATE and strategy.steps:
        return (
            "spec.strategy.steps are of a hot upgrade, and spec.strategy.type is RollingUpdate; "
            "HotIfPossible, HotOnly, or no steps are right"
        )
    restart = artifact is not None and artifact.requires is ArtifactRequires.RESTART
    if restart and strategy.type is StrategyType.HOT_ONLY:
        return (
            "spec.artifact.requires is Restart, and spec.strategy.type is HotOnly; "
            "HotIfPossible or RollingUpdate replaces pods and is right"
        )
    return ""


def _steps(steps: Sequence[Step]) -> str:
    """Pods are not taken back by a step: counts of one kind must not fall."""
    for kind in (int, str):
        most = -1
        for index, step in enumerate(steps):
            value = step.set_pods
            if not isinstance(value, kind):
                continue
            number = value if isinstance(value, int) else int(str(value).rstrip("%"))
            if number < 0:
                return f"spec.strategy.steps[{index}].setPods is {value}; 0 or more is right"
            if number < most:
                return (
                    f"spec.strategy.steps[{index}].setPods is {value}, less than a step before; "
                    "a step takes no pod back, the same or more is right"
                )
            most = number
    return ""
