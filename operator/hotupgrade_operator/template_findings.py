"""Pure: what in a pod template would meet two processes in one container, for a person to look at.

Nothing here keeps an upgrade from its start: whether a hook or a volume minds, its author knows.
"""

from collections.abc import Iterator

from hotupgrade_api.resource_status import PreflightFinding, PreflightLevel
from hotupgrade_operator.pod_template import Container, PodTemplate

PROBES, HOOKS, VOLUMES, PORTS = "Probes", "PreStopHooks", "SharedVolumes", "Ports"


def template_findings(template: PodTemplate, container: str) -> list[PreflightFinding]:
    """container: spec.container; empty where there is only one. For each check a pass where it
    found nothing."""
    app = template.app(container)
    if app is None:
        return []  # injection says which name would be right
    checks = (
        (PROBES, "no probe runs in the container", _probes(app)),
        (HOOKS, "no preStop hook asks a process", _hooks(app)),
        (VOLUMES, "no volume that outlives the pod is written to", _volumes(template, app)),
        (PORTS, "every port is TCP", _ports(app)),
    )
    findings: list[PreflightFinding] = []
    for check, passed, found in checks:
        warnings = [
            PreflightFinding(check=check, level=PreflightLevel.WARN.value, field=at, message=why)
            for at, why in found
        ]
        fine = PreflightFinding(check=check, level=PreflightLevel.PASSED.value, message=passed)
        findings += warnings or [fine]
    return findings


def _probes(app: Container) -> Iterator[tuple[str, str]]:
    probes = (
        ("livenessProbe", app.liveness_probe),
        ("readinessProbe", app.readiness_probe),
        ("startupProbe", app.startup_probe),
    )
    for name, probe in probes:
        if probe.exec is not None:
            yield (
                f"{_of(app)}.{name}.exec",
                "meets two processes while one is upgraded; a command that counts no processes and "
                "reads no pid file, or an httpGet or tcpSocket probe, is right",
            )


def _hooks(app: Container) -> Iterator[tuple[str, str]]:
    if kind := app.lifecycle.pre_stop.kind:
        yield (
            f"{_of(app)}.lifecycle.preStop.{kind}",
            "reaches one of two processes where the pod is deleted amid an upgrade, and is not run "
            "when the old process is stopped after one; spec.handoff.stopSignal and "
            "lameDuckSeconds are right for that",
        )


def _volumes(template: PodTemplate, app: Container) -> Iterator[tuple[str, str]]:
    lasting = template.lasting_volumes()
    for mount in app.volume_mounts:
        if mount.name in lasting and not mount.read_only:
            yield (
                f"{_of(app)}.volumeMounts[name={mount.name}]",
                f"two processes write to {mount.mount_path} at a time; a program that locks what "
                "is there, or a directory for each, is right, readOnly where it only reads",
            )


def _ports(app: Container) -> Iterator[tuple[str, str]]:
    for port in app.ports:
        if port.protocol != "TCP":
            yield (
                f"{_of(app)}.ports[containerPort={port.container_port}]",
                f"is {port.protocol}, and only TCP is handed over: a second process cannot bind it "
                "while the first lives; spec.strategy.type RollingUpdate is right where it must",
            )


def _of(app: Container) -> str:
    return f"spec.template.spec.containers[name={app.name}]"
