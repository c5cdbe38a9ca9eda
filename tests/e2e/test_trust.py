"""An agent obeys the operator alone; the operator believes an agent that proves which pod it is."""

import dataclasses

import pytest

from hotupgrade_agent.certificate import make_pem
from hotupgrade_api.agent_messages import AUDIENCE
from hotupgrade_api.pod_layout import (
    ENV_POD_UID,
    ENV_TOKEN_FILE,
    OPERATOR_COMMON_NAME,
)
from hotupgrade_api.resource_status import FailedPod
from tests.e2e.agent import agent_status, operator_certificate
from tests.e2e.agent_pod import agent_of, copy_of, set_environment
from tests.e2e.artifacts import Artifacts
from tests.e2e.cluster import Cluster, Object
from tests.e2e.manifests import GO, Options
from tests.e2e.namespace import Namespace
from tests.e2e.workload import Workload, ask

IMPOSTER = "imposter"
TOKEN_DIRECTORY = "/stolen"


def test_caller_without_the_operators_certificate_gets_nothing_from_an_agent(
    namespace: Namespace, cluster: Cluster
) -> None:
    (pod,) = Workload(namespace, "web", GO, Options(replicas=1)).pods()
    stranger = make_pem(OPERATOR_COMMON_NAME)  # the right name, signed by itself
    for certificate in (b"", stranger):
        with pytest.raises(OSError):
            agent_status(pod, certificate)
    assert agent_status(pod, operator_certificate(cluster)).pod_uid == pod.uid


def test_agent_of_another_pod_on_a_reused_address_is_refused(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = Workload(namespace, "web", GO, Options(replicas=1))
    raw, other = real_pod(workload)
    pod = copy_of(raw, IMPOSTER)
    # To the operator this is what a reused address is: it asks for one pod, another answers.
    set_environment(pod, ENV_POD_UID, other)
    namespace.apply(pod)
    refused = upgrade_without_it(workload, artifacts)
    assert f"pod {other} answered" in refused.message


def test_agent_with_another_pods_token_is_refused(
    namespace: Namespace, artifacts: Artifacts
) -> None:
    workload = Workload(namespace, "web", GO, Options(replicas=1))
    raw, other = real_pod(workload)
    namespace.apply(stolen_token(namespace, raw["metadata"]["name"], other))
    pod = copy_of(raw, IMPOSTER)
    set_environment(pod, ENV_TOKEN_FILE, f"{TOKEN_DIRECTORY}/token")
    pod["spec"]["volumes"].append({"name": "stolen", "secret": {"secretName": "stolen"}})
    agent_of(pod)["volumeMounts"].append({"name": "stolen", "mountPath": TOKEN_DIRECTORY})
    namespace.apply(pod)
    refused = upgrade_without_it(workload, artifacts)
    assert f"its token is of pod {other}" in refused.message


def real_pod(workload: Workload) -> tuple[Object, str]:
    """The workload's only one, and its UID."""
    (pod,) = workload.pods()
    raw = workload.namespace.cluster.get("pod", workload.namespace.name, pod.name)
    assert raw is not None
    return raw, pod.uid


def stolen_token(namespace: Namespace, pod: str, uid: str) -> Object:
    bound = ("--bound-object-kind", "Pod", "--bound-object-name", pod, "--bound-object-uid", uid)
    token = namespace.kubectl("create", "token", "default", "--audience", AUDIENCE, *bound)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "stolen"},
        "stringData": {"token": token.strip()},
    }


def upgrade_without_it(workload: Workload, artifacts: Artifacts) -> FailedPod:
    """Upgrades: the real pod follows, the imposter gets no command. What status says of it."""
    namespace = workload.namespace

    def told() -> FailedPod | None:
        failed = namespace.status("web").failed_pods
        return next((f for f in failed if f.name == IMPOSTER and "trust" in f.message), None)

    namespace.until("the imposter serves", lambda: namespace.pod(IMPOSTER).ready)
    namespace.apply(workload.hot_upgrade(artifacts.spec("v2", "v2")))
    found = namespace.until("status names the imposter", told)
    imposter = namespace.pod(IMPOSTER)
    (real,) = workload.pods()
    namespace.until("the real pod is upgraded", lambda: ask(real) == "v2")
    assert ask(imposter) == "v1"
    assert dataclasses.replace(imposter, revision="") == imposter, "nothing is published of it"
    return found
