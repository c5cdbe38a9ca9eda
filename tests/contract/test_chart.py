"""The chart, rendered by the real helm: what it puts into a cluster."""

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import yaml

from hotupgrade_api.pod_layout import STORE_LIMIT_BYTES
from hotupgrade_api.resource import LABEL_NAME
from hotupgrade_operator.main import FAREWELL_SECONDS
from hotupgrade_operator.settings import PREFIX, Settings
from tests.chart import CHART, NAMESPACE, ROOT, Object, manifest, objects, one
from tests.pod_security import violations


@pytest.fixture(scope="module")
def rendered() -> list[Object]:
    return objects()


def operator_pod(rendered: list[Object]) -> Object:
    spec: Object = one("Deployment", rendered)["spec"]["template"]["spec"]
    return spec


def environment(rendered: list[Object]) -> dict[str, Any]:
    (container,) = operator_pod(rendered)["containers"]
    return {e["name"].removeprefix(PREFIX): e.get("value") for e in container["env"]}


def selectors(rendered: list[Object]) -> Iterator[dict[str, str]]:
    """Of everything that means the operator's pods."""
    deployment = one("Deployment", rendered)["spec"]
    yield deployment["selector"]["matchLabels"]
    for spread in deployment["template"]["spec"]["topologySpreadConstraints"]:
        yield spread["labelSelector"]["matchLabels"]
    yield one("Service", rendered)["spec"]["selector"]
    yield one("PodDisruptionBudget", rendered)["spec"]["selector"]["matchLabels"]
    yield one("NetworkPolicy", rendered)["spec"]["podSelector"]["matchLabels"]


def test_plain_manifest_is_what_the_chart_renders() -> None:
    written = (ROOT / "deploy/hotupgrade.yaml").read_text()
    assert written == manifest(), "stale: run `make manifests`"


def test_chart_and_project_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart["version"] == chart["appVersion"] == project["version"]


def test_two_replicas_run_and_one_may_be_evicted(rendered: list[Object]) -> None:
    assert one("Deployment", rendered)["spec"]["replicas"] == 2
    assert one("PodDisruptionBudget", rendered)["spec"]["maxUnavailable"] == 1


def test_everything_that_means_the_operators_pods_selects_them(rendered: list[Object]) -> None:
    labels = one("Deployment", rendered)["spec"]["template"]["metadata"]["labels"]
    found = list(selectors(rendered))
    assert all(selector == found[0] for selector in found)
    assert found[0].items() <= labels.items()


def test_the_operators_pod_passes_the_restricted_pod_security_standard(
    rendered: list[Object],
) -> None:
    assert violations(operator_pod(rendered)) == []
    (container,) = operator_pod(rendered)["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_only_the_pod_that_needs_a_token_gets_one(rendered: list[Object]) -> None:
    assert one("ServiceAccount", rendered)["automountServiceAccountToken"] is False
    assert operator_pod(rendered)["automountServiceAccountToken"] is True


def test_probes_and_service_name_ports_that_the_container_has(rendered: list[Object]) -> None:
    (container,) = operator_pod(rendered)["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    for port in one("Service", rendered)["spec"]["ports"]:
        assert port["targetPort"] in ports
    assert str(ports["webhook"]) == environment(rendered)["WEBHOOK_PORT"]
    assert str(ports["metrics"]) == environment(rendered)["METRICS_PORT"]


def test_the_operator_reads_every_setting_that_the_chart_gives(rendered: list[Object]) -> None:
    given = environment(rendered)
    read = Settings.from_environment(
        {PREFIX + name: value or "by the API server" for name, value in given.items()}
    )
    for name, value in given.items():
        assert as_given(getattr(read, name.lower())) == (value or "by the API server"), name


def as_given(value: Any) -> str:
    """A setting as its variable has it."""
    if isinstance(value, msgspec.Struct):
        whole = {f: msgspec.structs.asdict(getattr(value, f)) for f in value.__struct_fields__}
        return json.dumps(whole, sort_keys=True, separators=(",", ":"))
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def test_settings_name_the_objects_that_the_chart_makes_or_allows(rendered: list[Object]) -> None:
    env = environment(rendered)
    webhook = one("MutatingWebhookConfiguration", rendered)
    service = one("Service", rendered)["metadata"]["name"]
    assert env["WEBHOOK_CONFIGURATION"] == webhook["metadata"]["name"]
    assert env["WEBHOOK_SERVICE"] == service
    assert webhook["webhooks"][0]["clientConfig"]["service"]["name"] == service
    names = {
        name
        for role in rendered
        if role["kind"] in ("Role", "ClusterRole")
        for rule in role["rules"]
        for name in rule.get("resourceNames", [])
    }
    assert names == {env["SECRET_NAME"], env["LEASE_NAME"], env["WEBHOOK_CONFIGURATION"]}


def test_only_pods_that_ask_for_it_pass_the_webhook_and_none_waits_for_it(
    rendered: list[Object],
) -> None:
    (webhook,) = one("MutatingWebhookConfiguration", rendered)["webhooks"]
    asked = {"matchExpressions": [{"key": LABEL_NAME, "operator": "Exists"}]}
    assert webhook["objectSelector"] == asked
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["sideEffects"] == "None"
    assert [rule["operations"] for rule in webhook["rules"]] == [["CREATE"]]
    assert "caBundle" not in webhook["clientConfig"]  # the operator's to write


@pytest.mark.parametrize(
    "resource", ["pods", "deployments", "networkpolicies", "mutatingwebhookconfigurations"]
)
def test_what_the_operator_may_write_is_confined_by_a_policy_that_is_bound(
    resource: str, rendered: list[Object]
) -> None:
    policies = [o for o in rendered if o["kind"] == "ValidatingAdmissionPolicy"]
    (policy,) = (
        found
        for found in policies
        if resource in found["spec"]["matchConstraints"]["resourceRules"][0]["resources"]
    )
    account = one("ServiceAccount", rendered)["metadata"]["name"]
    (condition,) = policy["spec"]["matchConditions"]
    assert f"'system:serviceaccount:{NAMESPACE}:{account}'" in condition["expression"]
    assert policy["spec"]["failurePolicy"] == "Fail"
    name = policy["metadata"]["name"]
    bindings = [o["spec"] for o in rendered if o["kind"] == "ValidatingAdmissionPolicyBinding"]
    (binding,) = (found for found in bindings if found["policyName"] == name)
    assert "Deny" in binding["validationActions"]


def test_what_an_author_delegates_is_checked_by_a_policy_that_is_bound(
    rendered: list[Object],
) -> None:
    found = {o["kind"]: o for o in rendered if o["metadata"]["name"] == "hotupgrade-authors"}
    policy = found["ValidatingAdmissionPolicy"]["spec"]
    (rule,) = policy["matchConstraints"]["resourceRules"]
    assert (rule["operations"], rule["resources"]) == (["CREATE", "UPDATE"], ["hotupgrades"])
    assert policy["failurePolicy"] == "Fail"
    binding = found["ValidatingAdmissionPolicyBinding"]["spec"]
    assert (binding["policyName"], binding["validationActions"][0]) == (
        "hotupgrade-authors",
        "Deny",
    )


def test_agents_port_is_the_one_that_the_network_policy_opens() -> None:
    rendered = objects("agent.port=19440")
    egress = one("NetworkPolicy", rendered)["spec"]["egress"]
    assert environment(rendered)["AGENT_PORT"] == "19440"
    assert 19440 in {port["port"] for rule in egress for port in rule["ports"]}


def test_names_follow_the_release() -> None:
    rendered = objects(release="other")
    assert environment(rendered)["LEASE_NAME"] == "other-hotupgrade-operator"
    assert environment(rendered)["SECRET_NAME"] == "other-hotupgrade-ca"


def test_the_crd_survives_an_uninstall_unless_told_otherwise() -> None:
    kept = one("CustomResourceDefinition", objects())["metadata"]
    assert kept["annotations"] == {"helm.sh/resource-policy": "keep"}
    dropped = one("CustomResourceDefinition", objects("crds.keep=false"))["metadata"]
    assert "annotations" not in dropped
    kinds = {found["kind"] for found in objects("crds.enabled=false")}
    assert "CustomResourceDefinition" not in kinds


def test_large_store_limit_is_written_as_a_number_not_in_scientific_notation() -> None:
    assert environment(objects())["STORE_LIMIT_BYTES"] == str(STORE_LIMIT_BYTES)


def test_a_digest_wins_over_a_tag() -> None:
    digest = f"sha256:{'a' * 64}"
    rendered = objects(f"image.agent.digest={digest}", "image.operator.tag=v7")
    (container,) = operator_pod(rendered)["containers"]
    assert container["image"] == "registry.example.com/hotupgrade/operator:v7"
    assert environment(rendered)["AGENT_IMAGE"] == f"registry.example.com/hotupgrade/agent@{digest}"


def test_a_replica_that_is_told_to_end_serves_until_nobody_is_sent_there(
    rendered: list[Object],
) -> None:
    pod = operator_pod(rendered)
    (container,) = pod["containers"]
    seconds = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert seconds >= 10
    assert pod["terminationGracePeriodSeconds"] >= seconds + 30


def test_a_replica_that_ends_by_itself_is_found_unready_before_it_has_ended(
    rendered: list[Object],
) -> None:
    probe = operator_pod(rendered)["containers"][0]["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] <= FAREWELL_SECONDS / 2


def test_no_user_is_named_where_the_image_names_one(rendered: list[Object]) -> None:
    """OpenShift's restricted-v2 gives each namespace a range, and refuses any other."""
    pod = operator_pod(rendered)
    for context in (pod["securityContext"], pod["containers"][0]["securityContext"]):
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & context.keys()
    assert pod["securityContext"]["runAsNonRoot"] is True


def test_the_webhook_can_be_closed_to_all_but_the_api_server() -> None:
    cidr = "networkPolicy.webhookFrom[0].ipBlock.cidr=10.0.0.0/24"
    ingress = one("NetworkPolicy", objects(cidr))["spec"]["ingress"]
    (rule,) = (r for r in ingress if r["ports"][0]["port"] == "webhook")
    assert rule["from"] == [{"ipBlock": {"cidr": "10.0.0.0/24"}}]


def test_agents_resources_and_pull_secrets_are_values() -> None:
    given = environment(
        objects("agent.resources.limits.cpu=500m", "agent.imagePullSecrets={one,two}")
    )
    assert given["AGENT_PULL_SECRETS"] == "one,two"
    assert json.loads(given["AGENT_RESOURCES"])["limits"] == {"cpu": "500m", "memory": "96Mi"}
