"""Pure: a HotUpgrade against the workload that it names: would its pods take part?

What injection refuses in the cluster is asked of injection itself.
"""

from collections.abc import Sequence

import msgspec

from hotupgrade_api.agent_messages import BootConfig
from hotupgrade_api.injection_record import InjectionRecord
from hotupgrade_api.resource import ANNOTATION_INJECTED, LABEL_NAME, HotUpgradeSpec
from hotupgrade_kubectl.lint.document import Document
from hotupgrade_kubectl.lint.finding import Finding, Path, Severity
from hotupgrade_kubectl.lint.template import Object, Template, pod_of, without_nulls
from hotupgrade_operator.injected_containers import Injection
from hotupgrade_operator.injection import NotInjected, inject
from hotupgrade_operator.workload_validation import ARTIFACT_VARIABLE, can_replace

TEMPLATE: Path = ("spec", "template")


def checked(hot_upgrade: Document, spec: HotUpgradeSpec, rest: Sequence[Document]) -> list[Finding]:
    """rest: every object of the files."""
    ref = spec.workload_ref
    same_kind = [d for d in rest if (d.api_version, d.kind) == (ref.api_version, ref.kind)]
    wanted = (ref.name, hot_upgrade.namespace)
    workload = next((d for d in same_kind if (d.name, d.namespace) == wanted), None)
    if workload is None:
        names = ", ".join(d.name for d in same_kind)
        remedy = f"{names} is there: is it meant?" if names else "lint it together with this"
        message = f"{ref.kind} {ref.name} is not in these files, so its pods were not looked at"
        return [hot_upgrade.finding(("spec", "workloadRef"), message, remedy, Severity.WARNING)]
    raw = without_nulls(workload.value)
    try:
        raw = msgspec.convert(raw["spec"]["template"], Object)
        template = msgspec.convert(raw, Template)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        message = f"cannot read the pod template: {error}"
        return [workload.finding(TEMPLATE, message, "what Kubernetes takes")]
    label = _label(hot_upgrade, workload, template)
    # Which image and which trust are put in makes no difference to whether they can be.
    what = Injection(uid="", spec=spec, boot=BootConfig(), ca_bundle="", image="")
    try:
        pod = inject(pod_of(raw), what)
    except (NotInjected, ValueError) as error:
        field = "hostNetwork" if template.spec.host_network else "containers"
        return [*label, workload.finding((*TEMPLATE, "spec", field), str(error))]
    record = msgspec.json.decode(
        pod["metadata"]["annotations"][ANNOTATION_INJECTED], type=InjectionRecord
    )
    found = [*label, *_replaces(hot_upgrade, template, record.container, spec)]
    if record.health and not (spec.health.http_get or spec.health.tcp_socket):
        where = (*TEMPLATE, "spec", "containers")
        found.append(workload.finding(where, record.health, "spec.health", Severity.WARNING))
    return found


def _label(hot_upgrade: Document, workload: Document, template: Template) -> list[Finding]:
    label = template.metadata.labels.get(LABEL_NAME, "")
    if label == hot_upgrade.name:
        return []
    is_now = f"is {label!r}" if label else "is missing"
    message = f"its pods do not take part: the label {LABEL_NAME} {is_now}"
    remedy = f"{LABEL_NAME}: {hot_upgrade.name}"
    return [workload.finding((*TEMPLATE, "metadata", "labels"), message, remedy)]


def _replaces(
    hot_upgrade: Document, template: Template, app: str, spec: HotUpgradeSpec
) -> list[Finding]:
    """The launcher would say so only when the upgrade starts. app: the container's name."""
    replaces = spec.artifact.replaces if spec.artifact else ""
    container = next(c for c in template.spec.containers if c.name == app)
    words = [*(container.command or spec.command), *container.args]
    if can_replace(replaces, words):
        return []
    message = f"{replaces!r} is no word of the container's command {words}"
    remedy = f"one of its words, or ${ARTIFACT_VARIABLE} in a shell's text"
    return [hot_upgrade.finding(("spec", "artifact", "replaces"), message, remedy)]
