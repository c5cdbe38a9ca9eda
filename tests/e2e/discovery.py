"""Pure: pods as targets, with the labels that Prometheus' discovery of Kubernetes gives them.

Debian's Prometheus is built without that discovery: the tests' one speaks HTTP and says the same;
prometheus.io/docs/prometheus/latest/configuration/configuration/#pod.
"""

import re
from typing import Any

from tests.e2e.cluster import Object


def targets(pods: list[Object]) -> list[dict[str, Any]]:
    """One for each declared port of each container, as http_sd_config reads them."""
    return [found for pod in pods if pod.get("status", {}).get("podIP") for found in _of(pod)]


def _of(pod: Object) -> list[dict[str, Any]]:
    meta, spec, address = pod["metadata"], pod["spec"], pod["status"]["podIP"]
    labels = {
        "__meta_kubernetes_namespace": meta["namespace"],
        "__meta_kubernetes_pod_name": meta["name"],
        "__meta_kubernetes_pod_uid": meta["uid"],
        "__meta_kubernetes_pod_phase": pod["status"].get("phase", ""),
        **{
            f"__meta_kubernetes_pod_label_{re.sub('[^a-zA-Z0-9_]', '_', name)}": value
            for name, value in meta.get("labels", {}).items()
        },
    }
    found = []
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind, []):
            for port in container.get("ports", []):
                more = {
                    "__meta_kubernetes_pod_container_init": str(kind == "initContainers").lower(),
                    "__meta_kubernetes_pod_container_name": container["name"],
                    "__meta_kubernetes_pod_container_port_name": port.get("name", ""),
                    "__meta_kubernetes_pod_container_port_number": str(port["containerPort"]),
                }
                target = f"{address}:{port['containerPort']}"
                found.append({"targets": [target], "labels": {**labels, **more}})
    return found
