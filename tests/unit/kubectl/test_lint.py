"""`kubectl hotupgrade lint`: what is wrong, where, and what would be right."""

from typing import Any

import pytest
import yaml

from hotupgrade_kubectl.lint.document import documents
from hotupgrade_kubectl.lint.finding import Finding, Severity
from hotupgrade_kubectl.lint.linter import lint
from hotupgrade_kubectl.lint.report import lines, summary
from tests import wrong_input
from tests.unit.kubectl.seen import ARTIFACT
from tests.wrong_input import OF_CLUSTER, OF_OPERATOR, OF_RULES, OF_STRUCTURE, Wrong

Object = dict[str, Any]
HTTP = {"httpGet": {"port": 8080}}
HEALTH = {"tcpSocket": {"port": 8080}}
REF = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}


def hot_upgrade(**spec: Any) -> Object:
    return {
        "apiVersion": "hotupgrade.io/v1alpha1",
        "kind": "HotUpgrade",
        "metadata": {"name": "web"},
        "spec": {"workloadRef": REF, "artifact": ARTIFACT, "health": HEALTH, **spec},
    }


def deployment(labels: Object | None = None, *containers: Object, **pod: Any) -> Object:
    web = {"name": "web", "image": "web:1", "command": ["/app/server"]}
    template = {
        "metadata": {"labels": {"hotupgrade.io/name": "web"} if labels is None else labels},
        "spec": {"containers": list(containers) or [web], **pod},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": template},
    }


def findings(*objects: Object) -> list[Finding]:
    return of_text(yaml.safe_dump_all(objects))


def of_text(text: str) -> list[Finding]:
    found, wrong = documents("web.yaml", text)
    return [*wrong, *lint(found)]


def changed(path: str, value: Any) -> Object:
    """A right HotUpgrade, with one field set."""
    return wrong_input.changed(hot_upgrade(), {path: value})


def test_what_the_cluster_takes_has_no_finding() -> None:
    assert findings(deployment(), hot_upgrade()) == []


@pytest.mark.parametrize(
    ("path", "value", "at", "message", "remedy"),
    [
        ("spec.handoff.stopsignal", "SIGQUIT", "", "unknown field", "stopSignal"),
        ("spec.strateggy", {}, "", "unknown field", "strategy"),
        ("spec.frobnicate", 1, "", "unknown field", "one of analysis, artifact"),
        ("spec.artifact.version", 1.8, "", "1.8 is a number", "put it in quotes"),
        ("spec.artifact.sizeLimitBytes", "12", "", "'12' is text", "leave the quotes away"),
        ("spec.artifact.sizeLimitBytes", 0, "", "0 is out of bounds", "at least 1"),
        ("spec.handoff.drainSeconds", 86401, "", "out of bounds", "at most 86400"),
        ("spec.handoff.mode", "transparent", "", "is unknown", "Transparent"),
        ("spec.health.periodSeconds", 0, "", "out of bounds", "more than 0"),
        ("spec.strategy.maxConcurrent", "200%", "", "not of this form", "0% to 100%"),
        ("spec.strategy.maxConcurrent", 1.5, "", "1.5 is a number", "a whole number, or text"),
        ("spec.command", "/app/server", "", "is text", "a list"),
        ("spec.paused", "yes", "", "'yes' is text", "true or false"),
        ("spec.container", None, "", "None is empty", "text"),
        ("spec.workloadRef", {"kind": "Deployment"}, ".apiVersion", "is missing", "text"),
        ("spec.workloadRef", REF | {"name": ""}, ".name", "out of bounds", "at least 1 characters"),
        ("spec.artifact.version", "v" * 129, "", "out of bounds", "at most 128 characters"),
        ("spec.strategy.steps", [{"setPods": 1}] * 101, "", "out of bounds", "at most 100 items"),
        ("spec.strategy.steps", [{"setWeight": 101}], "[0].setWeight", "101 is", "at most 100"),
        ("metadata.name", "Web_1", "", "'Web_1' is no name", "lower case"),
        ("apiVersion", "hotupgrade.io/v2", "", "is not served", "hotupgrade.io/v1alpha1"),
    ],
)
def test_structure_is_that_of_the_crd(
    path: str, value: Any, at: str, message: str, remedy: str
) -> None:
    found = findings(deployment(), changed(path, value))[0]
    assert (found.document, found.path, found.severity) == (2, path + at, Severity.ERROR)
    assert message in found.message
    assert remedy in found.remedy


def test_spec_that_is_missing_is_asked_for() -> None:
    whole = hot_upgrade()
    del whole["spec"]
    (found,) = findings(whole)
    assert (found.path, found.message) == ("spec", "is missing")
    assert "an object with workloadRef" in found.remedy


@pytest.mark.parametrize(
    ("path", "value", "at", "message"),
    [
        ("spec.artifact.sha256", "abc", "spec.artifact.sha256", "64 digits of 0-9 and a-f"),
        ("spec.artifact.source", {}, "spec.artifact.source", "exactly one of http, oci, s3"),
        ("spec.artifact", {"version": "1"}, "spec.artifact", "exactly one of source, platforms"),
        ("spec.artifact.signature", {"cosign": {"key": "k"}}, "spec.artifact", "secretRef, which"),
        ("spec.strategy.steps", [{"setPods": 1, "pause": {}}], "spec.strategy.steps[0]", "setPods"),
        ("spec.strategy.steps", [{"pause": {}}, {}], "spec.strategy.steps[1]", "exactly one of"),
        ("spec.trafficRouting", {}, "spec.trafficRouting", "exactly one of istio, gatewayAPI"),
        (
            "spec.networkPolicy",
            {"mode": "Manage", "egress": [{"ports": [{"port": 1}]}]},
            "spec.networkPolicy.egress[0]",
            "either cidr",
        ),
        (
            "spec.networkPolicy",
            {"egress": [{"cidr": "10.0.0.0/8", "ports": [{"port": 1}]}]},
            "spec.networkPolicy",
            "in mode Manage only",
        ),
        ("metadata.name", "x" * 64, "", "63 characters at most"),
    ],
)
def test_cel_rules_are_those_of_the_crd(path: str, value: Any, at: str, message: str) -> None:
    found = findings(changed(path, value))[0]
    assert found.path == at
    assert message in found.message


@pytest.mark.parametrize("wrong", [*OF_STRUCTURE, *OF_RULES, *OF_OPERATOR, *OF_CLUSTER], ids=str)
def test_what_the_cluster_refuses_has_an_error(wrong: Wrong) -> None:
    found = findings(deployment(), wrong_input.changed(hot_upgrade(health=HTTP), wrong.changes))
    assert [each for each in found if each.severity is Severity.ERROR]


@pytest.mark.parametrize("wrong", [*OF_RULES, *OF_OPERATOR], ids=str)
def test_it_is_told_in_the_words_of_the_cluster(wrong: Wrong) -> None:
    found = findings(wrong_input.changed(hot_upgrade(health=HTTP), wrong.changes))[0]
    assert wrong.says[-1] in f"{found.path} {found.message}; {found.remedy}"


def test_rule_about_a_change_says_nothing_of_a_manifest() -> None:
    assert not [f for f in findings(deployment(), hot_upgrade()) if "immutable" in f.message]


def test_what_is_not_implemented_is_refused_by_the_operator() -> None:
    (found,) = findings(deployment(), changed("spec.artifact.format", "TarGz"))
    assert found.path == "spec.artifact.format"
    assert "not implemented" in found.message


def test_destination_that_is_no_cidr_stands_at_its_field() -> None:
    value = {"mode": "Manage", "egress": [{"cidr": "10.0.0.1/8", "ports": [{"port": 1}]}]}
    (found,) = findings(deployment(), changed("spec.networkPolicy", value))
    assert found.path == "spec.networkPolicy.egress[0].cidr"
    assert "has host bits set" in found.message + found.remedy


def test_what_the_operator_finds_contradictory_stands_at_its_field() -> None:
    steps = [{"setPods": 2}, {"setPods": 1}]
    (found,) = findings(deployment(), changed("spec.strategy.steps", steps))
    assert found.path == "spec.strategy.steps[1].setPods"
    assert found.message.startswith("is 1, less than a step before")


@pytest.mark.parametrize(
    ("labels", "shown"), [({}, "is missing"), ({"hotupgrade.io/name": "wob"}, "is 'wob'")]
)
def test_pods_without_the_label_do_not_take_part(labels: Object, shown: str) -> None:
    (found,) = findings(deployment(labels), hot_upgrade())
    assert (found.document, found.path) == (1, "spec.template.metadata.labels")
    assert shown in found.message
    assert found.remedy == "hotupgrade.io/name: web"


@pytest.mark.parametrize(
    ("containers", "pod", "spec", "field", "message"),
    [
        ([{"name": "web", "image": "web:1"}], {}, {}, "containers", "sets no command"),
        ([], {}, {"container": "api"}, "containers", "spec.container is api"),
        (
            [{"name": "a", "command": ["/app/server"]}, {"name": "b"}],
            {},
            {},
            "containers",
            "spec.container must be one of a, b",
        ),
        ([], {"hostNetwork": True}, {}, "hostNetwork", "hostNetwork pods share"),
        ([], {"nodeSelector": {"kubernetes.io/os": "windows"}}, {}, "containers", "Linux program"),
        (
            [{"name": "web", "command": ["a"], "resources": {"limits": {"memory": "much"}}}],
            {},
            {},
            "containers",
            "cannot read the quantity",
        ),
        (
            [],
            {"initContainers": [{"name": "istio-validation"}]},
            {},
            "containers",
            "native sidecars",
        ),
    ],
)
def test_pods_that_injection_would_leave_alone_are_found(
    containers: list[Object], pod: Object, spec: Object, field: str, message: str
) -> None:
    (found,) = findings(deployment(None, *containers, **pod), hot_upgrade(**spec))
    assert (found.document, found.path) == (1, f"spec.template.spec.{field}")
    assert message in found.message


def test_command_may_be_the_hot_upgrades() -> None:
    workload = deployment(None, {"name": "web"})
    assert findings(workload, hot_upgrade(command=["/app/server"])) == []


@pytest.mark.parametrize(
    ("container", "good"),
    [
        ({"command": ["/app/other"]}, False),
        ({"command": ["java"], "args": ["-jar", "/app/server"]}, True),
        ({"command": ["sh", "-c", "exec /app/server --flag"]}, False),
        ({"command": ["sh", "-c", 'exec "${HOTUPGRADE_ARTIFACT:-/app/server}"']}, True),
    ],
)
def test_replaces_is_a_word_of_the_command_or_a_shells_text_names_the_artifact(
    container: Object, good: bool
) -> None:
    found = findings(deployment(None, {"name": "web", **container}), hot_upgrade())
    assert [f.path for f in found] == ([] if good else ["spec.artifact.replaces"])


def test_pods_that_would_be_probed_by_a_connection_alone_are_a_warning() -> None:
    (found,) = findings(deployment(), hot_upgrade(health={}))
    assert (found.severity, found.remedy) == (Severity.WARNING, "spec.health")
    assert "no readiness probe" in found.message


def test_workload_that_is_elsewhere_is_a_warning() -> None:
    (found,) = findings(hot_upgrade())
    assert (found.severity, found.path) == (Severity.WARNING, "spec.workloadRef")
    other = deployment()
    other["metadata"]["name"] = "wep"
    (found,) = findings(other, hot_upgrade())
    assert found.remedy == "wep is there: is it meant?"


def test_workload_of_another_namespace_is_not_meant() -> None:
    other = deployment()
    other["metadata"]["namespace"] = "elsewhere"
    assert [f.severity for f in findings(other, hot_upgrade())] == [Severity.WARNING]


@pytest.mark.parametrize(
    "spec",
    [{}, {"template": None}, {"template": {"spec": {"containers": [{}]}}}, {"template": []}, 1],
)
def test_workload_that_is_none_is_said_to_be_one(spec: Any) -> None:
    (found,) = findings({**deployment(), "spec": spec}, hot_upgrade())
    assert found.path == "spec.template"
    assert "cannot read the pod template" in found.message


def test_fields_without_a_value_are_not_there() -> None:
    container = {"name": "web", "command": ["/app/server"], "resources": None, "env": None}
    assert findings(deployment(None, container), hot_upgrade()) == []


def test_items_of_a_list_are_looked_at() -> None:
    whole = {"apiVersion": "v1", "kind": "List", "items": [deployment({}), hot_upgrade()]}
    (found,) = findings(whole)
    assert found.path == "spec.template.metadata.labels"


def test_line_of_a_finding_is_that_of_its_field() -> None:
    text = yaml.safe_dump_all([deployment(), hot_upgrade(paused="yes")])
    (found,) = of_text(text)
    assert text.splitlines()[found.line - 1] == "  paused: 'yes'"


def test_key_that_is_there_twice_is_found() -> None:
    (found,) = of_text("kind: List\nitems: []\nitems: []\n")
    assert (found.line, found.path) == (3, "items")
    assert "twice" in found.message


def test_yaml_that_cannot_be_read_is_found_with_its_line() -> None:
    (found,) = of_text("kind: ConfigMap\n---\nkind: {\n")
    assert (found.line, found.document) == (4, 1)
    assert "cannot read YAML" in found.message


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n", "---\n---\n"])
def test_empty_documents_are_skipped(text: str) -> None:
    assert of_text(text) == []


def test_document_that_is_no_object_is_found() -> None:
    (found,) = of_text("- 1\n")
    assert found.message == "is no object"


def test_dates_stay_text_as_kubectl_reads_them() -> None:
    text = yaml.safe_dump(changed("spec.artifact.version", "DATE")).replace("DATE", "2026-01-01")
    assert [f.severity for f in of_text(text)] == [Severity.WARNING]


def test_aliases_that_multiply_or_contain_themselves_are_not_followed() -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30))
    (found,) = of_text(f"a0: &a0 [x]\n{levels}\n")
    assert "its aliases make" in found.message
    (found,) = of_text("kind: Deployment\nspec: &spec {template: *spec}\n")
    assert found.message == "a value contains itself"


def test_aliases_are_followed() -> None:
    text = yaml.safe_dump_all([deployment(), hot_upgrade()])
    text = text.replace("apiVersion: apps/v1", "apiVersion: &apps apps/v1", 1)
    assert of_text(text) == []


def test_key_that_is_laid_over_a_merged_one_is_there_once() -> None:
    assert of_text("a: &a {b: 1}\nc: {<<: *a, b: 2}\n") == []


def test_last_of_two_lists_counts() -> None:
    found = of_text("kind: List\nitems: []\nitems: [{kind: A}]\n")
    assert [f.path for f in found] == ["items"]


def test_report_is_a_line_that_editors_follow_and_what_would_be_right() -> None:
    found = findings(deployment({}), hot_upgrade())
    assert [line.plain for line in lines(found)] == [
        "web.yaml:8: error: document 1, spec.template.metadata.labels: its pods do not take part: "
        "the label hotupgrade.io/name is missing",
        "    right: hotupgrade.io/name: web",
    ]
    assert summary(1, found) == "HotUpgrades checked: 1; errors: 1; warnings: 0"
