"""HotUpgrades that are wrong, each in one way: what is changed, who refuses it, and what is said.

One table: the linter is held against it without a cluster (tests/unit/kubectl), the API server and
the operator with one (tests/e2e/test_bad_input.py).
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class Wrong:
    """changes: path -> value, of a HotUpgrade that is right. says: parts of the answer: where, and
    what would be right."""

    changes: Mapping[str, Any]
    says: tuple[str, ...]

    def __str__(self) -> str:
        return str(dict(self.changes))[:80]


def changed(whole: Object, changes: Mapping[str, Any]) -> Object:
    """A copy, with the values at the paths."""
    after = copy.deepcopy(whole)
    for path, value in changes.items():
        *way, last = path.split(".")
        place = after
        for part in way:
            place = place.setdefault(part, {})
        place[last] = copy.deepcopy(value)
    return after


def one(path: str, value: Any, *says: str) -> Wrong:
    """One change; the path, as the answer has it, is said as well."""
    return Wrong({path: value}, (path, *says))


def analysis(address: str = "http://prometheus.example.com:9090", **metric: Any) -> Object:
    good = {"name": "errors", "query": "up", "success": "result < 1"}
    return {"provider": {"prometheus": {"address": address}}, "metrics": [{**good, **metric}]}


def egress(**rule: Any) -> Object:
    return {"mode": "Manage", "egress": [{"ports": [{"port": 443}], **rule}]}


SOURCE = {"http": {"url": "http://a.example.com/web"}}
SHA256 = "2" * 64
PLATFORMS = {"linux/amd64": {"source": SOURCE, "sha256": SHA256}}
OCI = {"oci": {"ref": "example.com/web:2", "path": "/web"}}
S3 = {"s3": {"endpoint": "s3.example.com", "bucket": "b", "key": "k"}}
ISTIO = {"istio": {"virtualService": {"name": "a"}, "destinationRule": {"name": "a"}}}
GATEWAY = {"gatewayAPI": {"httpRoute": {"name": "a"}}}
MEASURE = {"analysis": {"metrics": ["errors"]}}
STEPS = "spec.strategy.steps"
CHECK = "spec.analysis.metrics[0]"
ADDRESS = "spec.analysis.provider.prometheus.address"
EGRESS = "spec.networkPolicy.egress[0]"
ARTIFACT = "spec.artifact"
URL = "spec.artifact.source.http.url"

# What the structural schema says.
OF_STRUCTURE = [
    one("spec.strateggy", {}, "unknown field"),
    one("spec.handoff.stopsignal", "SIGQUIT", "unknown field"),
    Wrong({"spec": {}}, ("spec.workloadRef", "Required")),
    one("spec.workloadRef.name", "", "at least 1"),
    one("spec.workloadRef.name", "x" * 254, "more than 253"),
    Wrong({"spec.workloadRef": {"kind": "Deployment"}}, ("workloadRef.apiVersion", "Required")),
    one("spec.container", 3, "string"),
    one("spec.command", "/app/server", "array"),
    one("spec.paused", "yes", "boolean"),
    one("spec.progressDeadlineSeconds", 0, "than or equal to 1"),
    one("spec.revisionHistoryLimit", 101, "than or equal to 100"),
    one("spec.artifact.version", 1.8, "string"),
    one("spec.artifact.version", "v" * 129, "more than 128"),
    one("spec.artifact.sha256", "a" * 65, "more than 64"),
    one("spec.artifact.sizeLimitBytes", "12", "integer"),
    one("spec.artifact.sizeLimitBytes", 0, "than or equal to 1"),
    one("spec.artifact.sizeLimitBytes", 1 << 40, "than or equal to 68719476736"),
    one("spec.artifact.format", "Zip", '"TarGz"'),
    one("spec.artifact.requires", "Reboot", '"Restart"'),
    one(URL, f"http://a/{'x' * 2048}", "more than 2048"),
    one("spec.handoff.mode", "transparent", '"Transparent"'),
    one("spec.handoff.stopSignal", "SIGFOO", '"SIGTERM"'),
    one("spec.handoff.stopSignal", "TERM", '"SIGTERM"'),
    one("spec.handoff.stopSignal", "SIGSTOP", '"SIGTERM"'),
    one("spec.handoff.drainSeconds", 86401, "than or equal to 86400"),
    one("spec.handoff.drainSeconds", -1, "than or equal to 0"),
    one("spec.handoff.readyTimeoutSeconds", 0, "than or equal to 1"),
    one("spec.handoff.rollbackWindowSeconds", 1.5, "integer"),
    one("spec.handoff.lameDuckSeconds", "30s", "integer"),
    one("spec.handoff.resources", "Grow", '"Resize"'),
    one("spec.health.periodSeconds", 0, "greater than 0"),
    one("spec.health.timeoutSeconds", 61, "than or equal to 60"),
    one("spec.health.successThreshold", 0, "than or equal to 1"),
    one("spec.health.httpGet.port", 70000, "than or equal to 65535"),
    one("spec.health.httpGet.port", "http", "integer"),
    one("spec.health.httpGet.scheme", "FTP", '"HTTPS"'),
    one("spec.health.expect.status", 99, "than or equal to 100"),
    one("spec.strategy.type", "Hot", '"HotOnly"'),
    one("spec.strategy.maxConcurrent", "200%", "100|"),
    one("spec.strategy.maxConcurrent", "ten", "100|"),
    one("spec.strategy.maxConcurrent", 1.5, "integer"),
    one("spec.strategy.fallbackAfter", 0, "than or equal to 1"),
    Wrong({STEPS: [{"setWeight": 101}]}, (f"{STEPS}[0].setWeight", "equal to 100")),
    Wrong({STEPS: [{"setPods": "110%"}]}, (f"{STEPS}[0].setPods", "100|")),
    Wrong(
        {STEPS: [{"pause": {"durationSeconds": -5}}]},
        (f"{STEPS}[0].pause.durationSeconds", "equal to 0"),
    ),
    Wrong({STEPS: [{"setPods": 1}] * 101}, (STEPS, "at most 100")),
    Wrong({"spec.analysis": {"metrics": []}}, ("spec.analysis.provider", "Required")),
    one("spec.analysis.metrics", [], "at least 1"),
    Wrong({"spec.analysis": analysis(compareWith="canary")}, ("compareWith", '"stable"')),
    Wrong({"spec.analysis": analysis(intervalSeconds=0)}, (f"{CHECK}.intervalSeconds", "to 1")),
    Wrong({"spec.analysis": analysis(success="")}, (f"{CHECK}.success", "at least 1")),
    one("spec.networkPolicy.mode", "Allow", '"Manage"'),
    Wrong(
        {"spec.networkPolicy": {"mode": "Manage", "egress": [{"cidr": "10.0.0.0/8"}]}},
        (f"{EGRESS}.ports", "Required"),
    ),
    Wrong(
        {"spec.networkPolicy": egress(cidr="10.0.0.0/8", ports=[{"port": 1, "protocol": "SCTP"}])},
        (f"{EGRESS}.ports[0].protocol", '"UDP"'),
    ),
    one("spec.autoscaling.mode", "Off", '"Hold"'),
    one("spec.newPods.revision", "Newest", '"Latest"'),
    one("spec.newPods.onFetchFailure", "Ignore", '"BootImage"'),
    Wrong({"metadata.name": "Web_1"}, ("metadata.name", "lower case")),
]

# What the CRD's rules say: the texts of api/hotupgrade_api/crd.py.
OF_RULES = [
    Wrong({"metadata.name": "x" * 64}, ("63 characters at most",)),
    one("spec.artifact.version", "1\n2", "one line of text is right"),
    one("spec.artifact.sha256", "abc", "64 digits of 0-9 and a-f are right"),
    one("spec.artifact.sha256", "A" * 64, "64 digits of 0-9 and a-f are right"),
    one(ARTIFACT, {"source": SOURCE}, "source and sha256 belong together: set both"),
    one(ARTIFACT, {"version": "2"}, "exactly one of source, platforms is needed"),
    Wrong(
        {"spec.artifact.platforms": PLATFORMS},
        ("spec.artifact:", "exactly one of source, platforms is needed"),
    ),
    one("spec.artifact.source", {}, "exactly one of http, oci, s3 is needed"),
    one("spec.artifact.source", {**SOURCE, **S3}, "exactly one of http, oci, s3 is needed"),
    one(URL, "ftp://a.example.com/web", "http://HOST/... or https://HOST/... is right"),
    Wrong(
        {"spec.artifact.signature": {"cosign": {"key": "k"}}},
        ("spec.artifact:", "secretRef, which is missing: set it, too"),
    ),
    one("spec.health.httpGet.path", "health", "a path that begins with / is right"),
    Wrong({"spec.health.tcpSocket": {"port": 1}}, ("spec.health:", "leave one of them out")),
    Wrong({STEPS: [{}]}, (f"{STEPS}[0]", "exactly one of setPods, setWeight")),
    Wrong({STEPS: [{"setPods": 1, "pause": {}}]}, (f"{STEPS}[0]", "exactly one of setPods")),
    Wrong({"spec.analysis": analysis("prometheus:9090")}, (ADDRESS, "http://HOST/...")),
    one("spec.trafficRouting", {}, "exactly one of istio, gatewayAPI is needed"),
    one("spec.trafficRouting", {**ISTIO, **GATEWAY}, "exactly one of istio, gatewayAPI is needed"),
    Wrong(
        {"spec.networkPolicy": {**egress(cidr="10.0.0.0/8"), "mode": "Verify"}},
        ("spec.networkPolicy", "mode Manage only: set that mode, or leave egress out"),
    ),
    Wrong({"spec.networkPolicy": egress()}, (EGRESS, "either cidr, or namespaceLabels")),
    Wrong(
        {"spec.networkPolicy": egress(cidr="10.0.0.0/8", podLabels={"a": "b"})},
        (EGRESS, "are needed, and not both"),
    ),
    Wrong({"spec.networkPolicy": egress(podLabels={})}, (EGRESS, "podLabels is empty: leave it")),
]

# What the operator answers, with Ready False.
OF_OPERATOR = [
    Wrong({"spec.command": ["/app/other"]}, ("spec.artifact.replaces", "one of them is right")),
    one(URL, "http:///web", "https://HOST[:PORT]/PATH is right"),
    one(URL, "http://a.example.com:99999/web", "https://HOST[:PORT]/PATH is right"),
    Wrong(
        {"spec.health": {"tcpSocket": {"port": 8080}, "expect": {"json": {"a": "b"}}}},
        ("spec.health.expect.json needs spec.health.httpGet",),
    ),
    Wrong(
        {"spec.health": {"tcpSocket": {"port": 8080}, "expect": {"status": 200}}},
        ("spec.health.expect.status needs spec.health.httpGet",),
    ),
    one("spec.health.expect.json", {"a": {"b": 1}}, "bool | int | float | str"),
    one("spec.strategy.maxConcurrent", 0, "1 or more, or 1% to 100%, is right"),
    one("spec.strategy.maxConcurrent", "0%", "1 or more, or 1% to 100%, is right"),
    one("spec.strategy.maxConcurrent", -1, "1 or more, or 1% to 100%, is right"),
    Wrong({STEPS: [{"setPods": -1}]}, (f"{STEPS}[0].setPods is -1", "0 or more is right")),
    Wrong(
        {STEPS: [{"setPods": 2}, {"setPods": 1}]},
        (f"{STEPS}[1].setPods is 1", "the same or more is right"),
    ),
    Wrong(
        {STEPS: [{"setPods": "50%"}, {"setPods": "20%"}]},
        (f"{STEPS}[1].setPods is 20%", "the same or more is right"),
    ),
    Wrong(
        {"spec.strategy": {"type": "RollingUpdate", "steps": [{"setPods": 1}]}},
        (STEPS, "HotIfPossible, HotOnly, or no steps are right"),
    ),
    Wrong(
        {"spec.strategy.type": "HotOnly", "spec.artifact.requires": "Restart"},
        ("spec.artifact.requires is Restart", "HotIfPossible or RollingUpdate"),
    ),
    Wrong({STEPS: [MEASURE]}, (f"{STEPS}[0].analysis.metrics", "there is no spec.analysis")),
    Wrong(
        {"spec.analysis": analysis(name="p99"), STEPS: [{"setPods": 1}, MEASURE]},
        (f"{STEPS}[1].analysis.metrics has 'errors'", "one of ['p99'] is right"),
    ),
    Wrong(
        {"spec.analysis": analysis(), STEPS: [MEASURE, {"setPods": 1}]},
        (f"{STEPS}[0].analysis", "after a setPods it is right"),
    ),
    Wrong(
        {"spec.analysis": analysis(), STEPS: [{"setPods": 1}, {"analysis": {"metrics": []}}]},
        (f"{STEPS}[1].analysis.metrics is empty", "one of ['errors'] or more is right"),
    ),
    Wrong(
        {"spec.analysis": {**analysis(), "metrics": analysis()["metrics"] * 2}},
        ("spec.analysis.metrics[1].name is 'errors'", "a name for each is right"),
    ),
    Wrong(
        {"spec.analysis": analysis(query='up{pod=~"$(pod)"}')},
        (f"{CHECK}.query has $(pod)", "$(namespace), $(pods), $(revision) are there"),
    ),
    Wrong(
        {"spec.analysis": analysis(success="result <")},
        (f"{CHECK}.success", "cannot read", "such as `result < 0.05` is right"),
    ),
    Wrong({"spec.analysis": analysis(success="result + 1.0")}, (CHECK, "a condition is right")),
    Wrong({"spec.analysis": analysis(success="errors < 1")}, (f"{CHECK}.success", "result")),
    Wrong({"spec.analysis": analysis(success="1 < " * 200)}, (f"{CHECK}.success", "500 at most")),
    Wrong({"spec.analysis": analysis(failure="result >> 1")}, (f"{CHECK}.failure", "such as")),
    Wrong({"spec.analysis": analysis("http://:9090")}, (ADDRESS, "http://HOST:PORT is right")),
    Wrong({"spec.analysis": analysis("http://169.254.169.254")}, (ADDRESS, "metadata", "is right")),
    Wrong({"spec.analysis": analysis("http://127.0.0.1:9090")}, (ADDRESS, "loopback", "is right")),
    Wrong({"spec.analysis": analysis("http://a:b@prom:9090")}, (ADDRESS, "password", "is right")),
    Wrong({"spec.analysis": analysis("http://prom:9090/?x=1")}, (ADDRESS, "query", "is right")),
    Wrong(
        {"spec.networkPolicy": egress(cidr="10.0.0.1/8")},
        (f"{EGRESS}.cidr is '10.0.0.1/8'", "10.0.0.0/8"),
    ),
    Wrong({"spec.networkPolicy": egress(cidr="web")}, (f"{EGRESS}.cidr is 'web'", "10.0.0.0/8")),
    Wrong({"spec.networkPolicy": egress(podLabels={"a b": "c"})}, (f"{EGRESS}.podLabels", "right")),
    one("spec.artifact.source", OCI, "not implemented yet; leave it out"),
    one("spec.artifact.source", S3, "not implemented yet; leave it out"),
    one(ARTIFACT, {"platforms": PLATFORMS}, "not implemented yet; leave it out"),
    one("spec.artifact.format", "TarGz", "not implemented yet; leave it out"),
    one("spec.handoff.mode", "Activation", "not implemented yet; leave it out"),
]

# What only the cluster can tell: the operator answers, a linter that sees this file alone does not.
OF_CLUSTER = [
    one("spec.artifact.replaces", "/app/other", "'/app/server'", "one of them is right"),
    one("spec.container", "api", "one of ['web'] is right"),
]
# In a HotUpgrade of their own: workloadRef is immutable.
NO_WORKLOAD = [
    Wrong({"spec.workloadRef.name": name}, ("spec.workloadRef", f"cannot find Deployment {name}"))
    for name in ("wob", "Web")
] + [
    Wrong({"spec.workloadRef.kind": kind}, ("spec.workloadRef", "StatefulSet, DaemonSet or"))
    for kind in ("deployment", "Job")
]
IMMUTABLE = [
    Wrong({path: value}, ("spec.workloadRef", "keep it as it was, or make another HotUpgrade"))
    for path, value in [("spec.workloadRef.name", "api"), ("spec.workloadRef.kind", "StatefulSet")]
]
# Of a HotUpgrade at rest: the annotation, and what the Event says.
REQUESTS = [
    ("promote", "VERB/TOKEN is right"),
    ("promote/", "VERB/TOKEN is right"),
    ("explode/1", "the verbs are promote, promote-full, pause"),
    (f"abort/{'1' * 65}", "VERB/TOKEN is right"),
    ("promote/1", "cannot promote: no upgrade is under way"),
    ("pause/1", "cannot pause: no upgrade is under way"),
    ("resume/1", "cannot resume: nobody asked to pause"),
    ("abort/1", "`undo` goes back from one"),
    ("retry/1", "cannot retry: revision"),
    ("undo/1", "cannot undo: there is no revision before it"),
]
