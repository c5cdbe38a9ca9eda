"""The HotUpgrade resource's spec: every field, its type, bounds and default. The CRD comes from it.

Field names on the wire are camelCase. Durations are whole seconds. Docstrings and
`msgspec.Meta(description=...)` become the schema's descriptions.
"""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from hotupgrade_api.wire import Wire

GROUP = "hotupgrade.io"
API_VERSION = "v1alpha1"
KIND = "HotUpgrade"
PLURAL = "hotupgrades"
SHORT_NAME = "hu"

LABEL_NAME = "hotupgrade.io/name"  # on the pod: which HotUpgrade; the user sets it on the template
LABEL_REVISION = "hotupgrade.io/revision"  # on the pod: what runs, published by the operator
ANNOTATION_VERSION = "hotupgrade.io/version"  # on the pod: what runs, for people
ANNOTATION_INJECTED = "hotupgrade.io/injected"  # on the pod: JSON InjectionRecord, by the webhook
ANNOTATION_ROLLED = "hotupgrade.io/rolled-for"  # on the pod template: triggers a rollout, no more
ANNOTATION_REQUEST = "hotupgrade.io/request"  # on the HotUpgrade: "<verb>/<unique token>"

IMAGE_REVISION = "image"  # the pseudo-revision: what the pod's own image holds

NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
Sha256 = Annotated[str, msgspec.Meta(max_length=64, pattern="^[0-9a-f]{64}$")]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=86400)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Scheme = Literal["HTTP", "HTTPS"]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
IntOrPercent = int | Annotated[str, msgspec.Meta(pattern="^(100|[1-9]?[0-9])%$")]
Version = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")]
Url = Annotated[str, msgspec.Meta(max_length=2048, pattern="^https?://")]
# Those that may end a program; a stopped or an ignored one would never drain.
SignalName = Literal[
    "SIGTERM", "SIGQUIT", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGKILL",
    "SIGABRT", "SIGALRM", "SIGIO", "SIGPROF", "SIGPWR", "SIGVTALRM", "SIGXCPU",
]  # fmt: skip


class WorkloadRef(Wire, frozen=True, kw_only=True):
    """The workload whose pods are upgraded. Immutable."""

    api_version: NonEmpty
    kind: NonEmpty
    name: Name


class HttpSource(Wire, frozen=True, kw_only=True):
    """Fetched with GET; https is verified against the system's and secretRef's CAs."""

    url: Url


class OciSource(Wire, frozen=True, kw_only=True):
    """A file taken out of an image."""

    ref: NonEmpty
    path: NonEmpty


class S3Source(Wire, frozen=True, kw_only=True):
    endpoint: NonEmpty
    bucket: NonEmpty
    key: NonEmpty


class Source(Wire, frozen=True, kw_only=True):
    """Exactly one of them."""

    http: HttpSource | None = None
    oci: OciSource | None = None
    s3: S3Source | None = None


class CosignSignature(Wire, frozen=True, kw_only=True):
    key: NonEmpty  # a key of secretRef


class Signature(Wire, frozen=True, kw_only=True):
    cosign: CosignSignature


class SecretRef(Wire, frozen=True, kw_only=True):
    name: Name


class ArtifactFormat(StrEnum):
    AUTO = "Auto"
    BINARY = "Binary"
    TAR_GZ = "TarGz"
    TAR_ZST = "TarZst"


class ArtifactRequires(StrEnum):
    """Nothing: may be upgraded hot. Restart: only by replacing pods."""

    NOTHING = "Nothing"
    RESTART = "Restart"


class PlatformArtifact(Wire, frozen=True, kw_only=True):
    source: Source
    sha256: Sha256


class Artifact(Wire, frozen=True, kw_only=True):
    """What runs: the digest says which bytes, `replaces` which word of the command."""

    source: Source | None = None  # or platforms
    sha256: Sha256 | None = None
    version: Version = ""
    platforms: Annotated[dict[str, PlatformArtifact], msgspec.Meta(max_length=16)] = {}
    signature: Signature | None = None
    secret_ref: SecretRef | None = None
    replaces: str = ""  # empty: the command's first word
    format: ArtifactFormat = ArtifactFormat.AUTO
    requires: ArtifactRequires = ArtifactRequires.NOTHING
    size_limit_bytes: Annotated[int, msgspec.Meta(ge=1, le=1 << 36)] = 1 << 30


class HandoffMode(StrEnum):
    AUTO = "Auto"
    TRANSPARENT = "Transparent"
    ACTIVATION = "Activation"
    SIGNAL = "Signal"


class HandoffResources(StrEnum):
    CHECK = "Check"
    RESIZE = "Resize"
    IGNORE = "Ignore"


class Handoff(Wire, frozen=True, kw_only=True):
    mode: HandoffMode = HandoffMode.AUTO
    stop_signal: SignalName = "SIGTERM"
    ready_timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 60
    drain_seconds: Seconds = 30
    lame_duck_seconds: Seconds = 0
    rollback_window_seconds: Seconds = 60
    resources: HandoffResources = HandoffResources.CHECK


class HttpGet(Wire, frozen=True, kw_only=True):
    path: Annotated[str, msgspec.Meta(max_length=2048, pattern="^/")] = "/"
    port: Port
    scheme: Scheme = "HTTP"
    headers: dict[str, str] = {}


class TcpSocket(Wire, frozen=True, kw_only=True):
    port: Port


class Expect(Wire, frozen=True, kw_only=True):
    """All that is given must hold. json: dotted path -> value, as in {status: UP}."""

    status: Annotated[int, msgspec.Meta(ge=100, le=599)] | None = None  # none: 200 to 399
    json: dict[str, str | int | float | bool] = {}


class Health(Wire, frozen=True, kw_only=True):
    """The dark probe. Neither httpGet nor tcpSocket: the template's own readiness probe."""

    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    expect: Expect = Expect()
    period_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1
    timeout_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 1
    success_threshold: Annotated[int, msgspec.Meta(ge=1, le=100)] = 2
    failure_threshold: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3


class StrategyType(StrEnum):
    HOT_IF_POSSIBLE = "HotIfPossible"
    HOT_ONLY = "HotOnly"
    ROLLING_UPDATE = "RollingUpdate"


class Pause(Wire, frozen=True, kw_only=True):
    duration_seconds: Seconds | None = None  # none: until `promote`


class StepAnalysis(Wire, frozen=True, kw_only=True):
    metrics: list[NonEmpty]


class Step(Wire, frozen=True, kw_only=True):
    """Exactly one of them."""

    set_pods: IntOrPercent | None = None
    set_weight: Percent | None = None
    pause: Pause | None = None
    analysis: StepAnalysis | None = None


class Strategy(Wire, frozen=True, kw_only=True):
    type: StrategyType = StrategyType.HOT_IF_POSSIBLE
    max_concurrent: IntOrPercent = "25%"  # rounded up, at least 1
    steps: Annotated[list[Step], msgspec.Meta(max_length=100)] = []
    fallback_after: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 3


class Prometheus(Wire, frozen=True, kw_only=True):
    address: Url


class AnalysisProvider(Wire, frozen=True, kw_only=True):
    prometheus: Prometheus


class Metric(Wire, frozen=True, kw_only=True):
    """`success` and `failure` are conditions in CEL over `result`, the query's number, or
    `results`, the list of them where it has several series; with compareWith, `stable` and
    `stables`, too.

    `query` may hold $(namespace), $(pods) (a regular expression) and $(revision). Without
    `failure` what is no success is a failure; with it, what is neither is inconclusive.
    """

    name: NonEmpty
    query: NonEmpty
    success: NonEmpty
    failure: str = ""
    interval_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 30
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    failure_limit: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    consecutive_error_limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 4
    compare_with: Literal["", "stable"] = ""


class Analysis(Wire, frozen=True, kw_only=True):
    """Every metric is measured during the whole upgrade and its rollback window; a step names
    those that must become Successful before it ends."""

    provider: AnalysisProvider
    metrics: Annotated[list[Metric], msgspec.Meta(min_length=1, max_length=20)]


class VirtualServiceRef(Wire, frozen=True, kw_only=True):
    name: Name
    routes: list[NonEmpty] = []


class DestinationRuleRef(Wire, frozen=True, kw_only=True):
    name: Name


class Istio(Wire, frozen=True, kw_only=True):
    virtual_service: VirtualServiceRef
    destination_rule: DestinationRuleRef


class HttpRouteRef(Wire, frozen=True, kw_only=True):
    name: Name


class GatewayAPI(Wire, frozen=True, kw_only=True):
    http_route: HttpRouteRef


class TrafficRouting(Wire, frozen=True, kw_only=True):
    """Exactly one of them."""

    istio: Istio | None = None
    gateway_api: GatewayAPI | None = msgspec.field(default=None, name="gatewayAPI")


class NetworkPolicyMode(StrEnum):
    VERIFY = "Verify"
    MANAGE = "Manage"
    IGNORE = "Ignore"


class EgressPort(Wire, frozen=True, kw_only=True):
    port: Port
    protocol: Literal["TCP", "UDP"] = "TCP"


class EgressRule(Wire, frozen=True, kw_only=True):
    """Where the artifact comes from: a CIDR, or pods by their labels and their namespaces'.

    Pod labels alone mean pods of this namespace, namespace labels alone all pods of such ones.
    """

    cidr: Annotated[str, msgspec.Meta(max_length=64)] = ""
    namespace_labels: dict[str, str] = {}
    pod_labels: dict[str, str] = {}
    ports: Annotated[list[EgressPort], msgspec.Meta(min_length=1, max_length=16)]


class NetworkPolicy(Wire, frozen=True, kw_only=True):
    """Verify says what is shut; Manage opens what is needed, egress while fetching only."""

    mode: NetworkPolicyMode = NetworkPolicyMode.VERIFY
    egress: Annotated[list[EgressRule], msgspec.Meta(max_length=16)] = []


class AutoscalingMode(StrEnum):
    IGNORE = "Ignore"
    HOLD = "Hold"


class Autoscaling(Wire, frozen=True, kw_only=True):
    mode: AutoscalingMode = AutoscalingMode.IGNORE


class NewPodsRevision(StrEnum):
    STABLE = "Stable"
    LATEST = "Latest"


class OnFetchFailure(StrEnum):
    WAIT = "Wait"
    BOOT_IMAGE = "BootImage"


class NewPods(Wire, frozen=True, kw_only=True):
    revision: NewPodsRevision = NewPodsRevision.STABLE
    on_fetch_failure: OnFetchFailure = OnFetchFailure.WAIT


class HotUpgradeSpec(Wire, frozen=True, kw_only=True):
    """What the user wants. No artifact: the pods' own image."""

    workload_ref: WorkloadRef
    container: str = ""
    artifact: Artifact | None = None
    command: list[str] = []
    handoff: Handoff = Handoff()
    health: Health = Health()
    strategy: Strategy = Strategy()
    analysis: Analysis | None = None
    traffic_routing: TrafficRouting | None = None
    network_policy: NetworkPolicy = NetworkPolicy()
    autoscaling: Autoscaling = Autoscaling()
    new_pods: NewPods = NewPods()
    paused: bool = False
    progress_deadline_seconds: Annotated[int, msgspec.Meta(ge=1, le=86400)] = 600
    revision_history_limit: Annotated[int, msgspec.Meta(ge=0, le=100)] = 10
