"""Pure: what boot and agent request and may use, so that neither the pod's QoS class nor the app's
share of the pod changes, and no quota refuses the pod."""

from typing import Any

import msgspec

from hotupgrade_api.wire import Wire
from hotupgrade_operator.qos import COMPUTE, QosClass, named, qos_class
from hotupgrade_operator.quantity import parsed, total

Object = dict[str, Any]

SCRATCH = "ephemeral-storage"
SCRATCH_REQUEST = "16Mi"
LOG_BYTES = 64 << 20
LEAST_MEMORY_BYTES = 64 << 20


class Amounts(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Quantities as Kubernetes writes them."""

    cpu: str
    memory: str


class AgentResources(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of each of the two containers.

    The limits hold where the pod's own containers have limits of that name: a quota of limits
    refuses a pod with a container that has none, and otherwise nothing asks for one. In a pod of
    class Guaranteed they are the requests, too. There the start of Python is what needs them: with
    the 20m that do between two upgrades, CFS lets it run 2 ms in each 100 ms, and it takes 15 s.
    """

    requests: Amounts = Amounts(cpu="20m", memory="96Mi")
    limits: Amounts = Amounts(cpu="200m", memory="96Mi")

    def memory_cap_bytes(self) -> int:
        """Of Python itself, by its supervisor: below the container's, at which both would end."""
        return int(parsed(self.limits.memory) * 5 / 6)


DEFAULT = AgentResources()


def checked(resources: AgentResources) -> AgentResources:
    """The same. Raises ValueError saying what is wrong, and what would be right."""
    for name in COMPUTE:
        request, limit = getattr(resources.requests, name), getattr(resources.limits, name)
        if not 0 < parsed(request) <= parsed(limit):
            raise ValueError(
                f"requests.{name} is {request}, more than 0 and at most limits.{name} ({limit}) "
                "is right"
            )
    if parsed(resources.limits.memory) < LEAST_MEMORY_BYTES:
        raise ValueError(f"limits.memory is {resources.limits.memory}, 64Mi or more is right")
    return resources


def of_container(spec: Object, given: AgentResources, store_limit_bytes: int) -> Object:
    """`resources` of boot and of agent in a pod of that spec, which has neither of them yet."""
    found = qos_class(spec)
    requests, limits = _plain(given.requests), _plain(given.limits)
    if found is QosClass.BEST_EFFORT:
        return {}  # any request would make it Burstable
    if found is QosClass.GUARANTEED and not spec.get("resources"):
        return _with_scratch(spec, {"requests": limits, "limits": limits}, store_limit_bytes)
    limits = {name: value for name, value in limits.items() if name in named(spec, "limits")}
    resources: Object = {"requests": requests}
    if limits:
        resources["limits"] = limits
    return _with_scratch(spec, resources, store_limit_bytes)


def of_pod(spec: Object, given: AgentResources) -> Object | None:
    """`spec.resources`, where the pod has such: more by what the agent takes, for its containers
    share it, and the agent's part must not be the app's."""
    of_pod = spec.get("resources")
    if not of_pod:
        return None
    guaranteed = qos_class(spec) is QosClass.GUARANTEED
    more = {
        "requests": _plain(given.limits if guaranteed else given.requests),
        "limits": _plain(given.limits),
    }
    raised: Object = {**of_pod}
    for kind, amounts in more.items():
        if of_pod.get(kind):
            raised[kind] = {
                name: total(value, amounts[name]) if name in amounts else value
                for name, value in of_pod[kind].items()
            }
    return raised


def _with_scratch(spec: Object, resources: Object, store_limit_bytes: int) -> Object:
    """A kubelet evicts a pod whose files and emptyDirs outgrow the sum of its containers' limits:
    where there is such a limit, the store is not to be taken from the app's."""
    after = dict(resources)
    is_limited = SCRATCH in named(spec, "limits")
    if is_limited:
        limit = str(store_limit_bytes + LOG_BYTES)
        after["limits"] = {**resources.get("limits", {}), SCRATCH: limit}
    if is_limited or SCRATCH in named(spec, "requests"):
        after["requests"] = {**resources["requests"], SCRATCH: SCRATCH_REQUEST}
    return after


def _plain(amounts: Amounts) -> dict[str, str]:
    return {name: getattr(amounts, name) for name in COMPUTE}


def read(text: str) -> AgentResources:
    """From JSON, as the `resources` of a container. Raises ValueError."""
    return checked(msgspec.json.decode(text, type=AgentResources))
