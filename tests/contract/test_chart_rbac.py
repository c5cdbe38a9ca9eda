"""What the chart allows: no more than each part needs, and next to each verb why."""

from typing import Any

import pytest

from tests.chart import CHART, Object, objects

ROLE_FILES = ("rbac.yaml", "user-roles.yaml")
Rule = dict[str, Any]


@pytest.fixture(scope="module")
def rules() -> list[tuple[str, Rule]]:
    """Each with its role's name."""
    return [
        (role["metadata"]["name"], rule)
        for role in objects()
        if role["kind"] in ("Role", "ClusterRole")
        for rule in role["rules"]
    ]


@pytest.fixture(scope="module")
def operators(rules: list[tuple[str, Rule]]) -> list[Rule]:
    return [rule for name, rule in rules if name == "hotupgrade-operator"]


def verbs(rules: list[Rule], resource: str) -> set[str]:
    return {verb for rule in rules if resource in rule["resources"] for verb in rule["verbs"]}


def test_no_rule_has_a_wildcard(rules: list[tuple[str, Rule]]) -> None:
    for name, rule in rules:
        words = [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert not any("*" in word for word in words), (name, rule)


def test_the_operator_reaches_into_no_pod(operators: list[Rule]) -> None:
    resources = {resource for rule in operators for resource in rule["resources"]}
    assert not {r for r in resources if r.startswith("pods/")}
    assert verbs(operators, "pods") == {"list", "watch", "patch"}


def test_the_operator_never_writes_a_spec_and_of_a_workload_what_its_policy_lets_through(
    operators: list[Rule],
) -> None:
    assert verbs(operators, "hotupgrades") == {"get", "list", "watch"}
    for workload in ("deployments", "statefulsets", "daemonsets"):
        assert verbs(operators, workload) == {"get", "patch"}
    assert verbs(operators, "replicasets") == {"get"}


def test_the_operator_reads_and_makes_but_never_changes_network_policies(
    operators: list[Rule],
) -> None:
    assert verbs(operators, "networkpolicies") == {"list", "watch", "create", "delete"}
    assert verbs(operators, "namespaces") == {"get"}


def test_routes_of_istio_are_the_operators_only_where_the_chart_is_told_so() -> None:
    def routes(*values: str) -> dict[str, set[str]]:
        rules = [
            rule
            for role in objects(*values)
            if role["kind"] == "ClusterRole" and role["metadata"]["name"] == "hotupgrade-operator"
            for rule in role["rules"]
            if rule["apiGroups"] == ["networking.istio.io"]
        ]
        return {r: verbs(rules, r) for rule in rules for r in rule["resources"]}

    assert routes() == {}
    assert routes("istio.enabled=true") == {
        "virtualservices": {"list", "watch", "patch"},
        "destinationrules": {"get", "patch"},
    }


def test_the_operator_reads_its_own_secret_only() -> None:
    for role in objects():
        for rule in role.get("rules", []):
            if "secrets" not in rule["resources"]:
                continue
            assert role["kind"] == "Role"
            assert rule.get("resourceNames") == ["hotupgrade-ca"] or rule["verbs"] == ["create"]


def test_the_operator_cannot_give_itself_more(operators: list[Rule]) -> None:
    assert not any("rbac.authorization.k8s.io" in rule["apiGroups"] for rule in operators)
    verbs_of_all = {verb for rule in operators for verb in rule["verbs"]}
    assert not {"escalate", "bind", "impersonate"} & verbs_of_all
    for rule in operators:
        if "mutatingwebhookconfigurations" in rule["resources"]:
            assert rule["resourceNames"] == ["hotupgrade"]


@pytest.mark.parametrize("file", ROLE_FILES)
def test_each_verb_says_why(file: str) -> None:
    inside, bare = False, []
    for line in (CHART / "templates" / file).read_text().splitlines():
        assert not line.strip().startswith("verbs: ["), "one verb a line, each with its reason"
        if line.strip() == "verbs:":
            inside = True
        elif inside and line.startswith("  - "):
            if "  # " not in line:
                bare.append(line)
        else:
            inside = False
    assert bare == []


def test_default_roles_include_hotupgrades_unless_told_otherwise() -> None:
    def aggregated(rendered: list[Object]) -> set[str]:
        label = "rbac.authorization.k8s.io/aggregate-to-"
        return {
            key.removeprefix(label)
            for found in rendered
            for key in found["metadata"].get("labels", {})
            if key.startswith(label)
        }

    assert aggregated(objects()) == {"admin", "edit", "view"}
    assert aggregated(objects("rbac.aggregate=false")) == set()
