"""Pure: what a pod's spec breaks of the `restricted` Pod Security Standard.

https://kubernetes.io/docs/concepts/security/pod-security-standards/; the fields that pods of ours
and of the examples can get wrong.
"""

from typing import Any

VOLUMES = {"configMap", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"}
VOLUMES |= {"projected", "secret"}


def violations(spec: dict[str, Any]) -> list[str]:
    """One line for each; empty where there is none."""
    found = [f"{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    for volume in spec.get("volumes", []):
        found += [f"volume {kind}" for kind in volume.keys() - {"name"} - VOLUMES]
    of_pod = spec.get("securityContext", {})
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        context = {**of_pod, **container.get("securityContext", {})}
        right = {
            "runAsNonRoot": context.get("runAsNonRoot") is True,
            "runAsUser": context.get("runAsUser") != 0,
            "seccompProfile": context.get("seccompProfile", {}).get("type") == "RuntimeDefault",
            "allowPrivilegeEscalation": context.get("allowPrivilegeEscalation") is False,
            "privileged": not context.get("privileged"),
            "capabilities": context.get("capabilities") == {"drop": ["ALL"]},
        }
        found += [f"{container['name']}: {name}" for name, good in right.items() if not good]
    return found
