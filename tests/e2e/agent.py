"""An agent as the operator calls it: with the client certificate from the operator's Secret."""

import base64
import ssl
import tempfile
import urllib.request
from pathlib import Path

import msgspec

from hotupgrade_api.agent_messages import AgentStatus
from hotupgrade_api.launcher_messages import ProcessGeneration
from hotupgrade_api.pod_layout import AGENT_PORT
from tests.e2e.cluster import Cluster
from tests.e2e.namespace import OPERATOR_NAMESPACE
from tests.e2e.node import Process, processes_of
from tests.e2e.pod import Pod

SECRET = "hotupgrade-ca"
PROGRAM = "/usr/local/bin/hotupgrade-agent"


def agent_process(pod: Pod) -> Process | None:
    """Python itself, not its supervisor, whose command names it too."""
    found = processes_of(pod.uid, PROGRAM)
    return found[-1] if found else None


def operator_certificate(cluster: Cluster) -> bytes:
    """PEM, with its key."""
    secret = cluster.get("secret", OPERATOR_NAMESPACE, SECRET)
    assert secret is not None, f"cannot find the Secret {SECRET}"
    return b"".join(base64.b64decode(secret["data"][key]) for key in ("tls.key", "tls.crt"))


def agent_status(pod: Pod, certificate: bytes) -> AgentStatus:
    """certificate: PEM with its key; empty: none is shown. Raises OSError where it is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(certificate)
            context.load_cert_chain(file.name)
    url = f"https://{pod.address}:{AGENT_PORT}/v1/status"
    with urllib.request.urlopen(url, context=context, timeout=10) as answer:
        return msgspec.json.decode(answer.read(), type=AgentStatus)


def generations(pod: Pod, cluster: Cluster) -> list[ProcessGeneration]:
    """Every process generation that the pod's launcher remembers."""
    launcher = agent_status(pod, operator_certificate(cluster)).launcher
    assert launcher is not None, f"the launcher of {pod.name} does not answer its agent"
    return launcher.generations
