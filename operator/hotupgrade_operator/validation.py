"""Pure: what is wrong with a spec that the schema cannot say, and what is not implemented yet."""

import ipaddress
from collections.abc import Sequence

from hotupgrade_api.resource import (
    ArtifactFormat,
    AutoscalingMode,
    EgressRule,
    HandoffMode,
    HandoffResources,
    HotUpgradeSpec,
    Step,
)
from hotupgrade_operator import allowed_hosts, analysis_validation
from hotupgrade_operator.allowed_hosts import AllowedHosts


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
        ("spec.handoff.resources", spec.handoff.resources is not HandoffResources.CHECK),
        ("spec.trafficRouting", spec.traffic_routing is not None),
        ("spec.autoscaling.mode", spec.autoscaling.mode is AutoscalingMode.HOLD),
    ]
    return [field for field, used in checks if used]


def invalid(spec: HotUpgradeSpec, allowed: AllowedHosts = allowed_hosts.ANY) -> str:
    """What is wrong, where, and what would be right; empty where nothing is. allowed: the servers
    that the operator may ask."""
    health = spec.health
    if health.http_get is None and health.expect.json:
        return "spec.health.expect.json needs spec.health.httpGet: only an HTTP answer has a body"
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
        _steps(spec.strategy.steps)
        or _egress(spec.network_policy.egress)
        or analysis_validation.invalid(spec, allowed)
    )


def _egress(rules: Sequence[EgressRule]) -> str:
    for index, rule in enumerate(rules):
        try:
            ipaddress.ip_network(rule.cidr or "0.0.0.0/0")
        except ValueError as error:
            return (
                f"spec.networkPolicy.egress[{index}].cidr is {rule.cidr!r}: {error}; 10.0.0.0/8, "
                "or 192.0.2.7/32 for one address, would be right"
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
