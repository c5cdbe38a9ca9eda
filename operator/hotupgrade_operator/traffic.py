"""Pure: what the routes are to be now, in an order in which no subset that has weight is empty.

A pod counts for a subset by its label; weight is moved to a subset only when its pods, and what
binds it to them, have been there long enough for the proxies to know. The way back is level-based:
whoever finds our record and no upgrade under way gives the weights back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hotupgrade_operator import traffic_istio
from hotupgrade_operator.istio_resources import CANARY, STABLE, records
from hotupgrade_operator.observation import Observation, PodObservation
from hotupgrade_operator.traffic_istio import NoRoute, Patch, Route
from hotupgrade_operator.traffic_view import Routed


@dataclass(frozen=True)
class Wanted:
    """stable, canary: revisions. weight: the canary's. pods: how many of the canary are needed for
    it, of all. rises: whether its weight may."""

    stable: str
    canary: str
    weight: int
    pods: int
    all: int
    rises: bool = True


def problem(seen: Observation) -> str:
    """Why what the spec names cannot be steered; empty: it can, or nothing is named."""
    routing = seen.spec.traffic_routing
    if routing is None or routing.istio is None:
        return ""
    if seen.traffic.problem:
        return seen.traffic.problem
    named = seen.traffic.named
    if named is None:
        return f"cannot find VirtualService {routing.istio.virtual_service.name}"
    if named.rule is None:
        return f"cannot find DestinationRule {routing.istio.destination_rule.name}"
    try:
        traffic_istio.routes(named.service, routing.istio.virtual_service.routes)
    except NoRoute as error:
        return str(error)
    return ""


def steered(seen: Observation) -> int | None:
    """The canary's share by the routes, while they are ours; None: they are not, or cannot be."""
    named = seen.traffic.named
    if named is None or seen.name not in records(named.service):
        return None
    found = _routes(seen)
    return max(route.weight for route in found) if found else None


def has(seen: Observation, weight: int | None) -> bool:
    """Whether every route has the weight, and the proxies have had their time with it."""
    if weight is None:
        return True
    named, found = seen.traffic.named, _routes(seen)
    if named is None or not found or seen.name not in records(named.service):
        return False
    return named.settled_service and all(route.weight == weight for route in found)


def patches(seen: Observation, wanted: Wanted | None) -> list[Patch]:
    """wanted: None where no upgrade is under way."""
    found: list[Patch] = []
    for routed in seen.traffic.routed:
        if wanted is not None and routed is seen.traffic.named:
            found += _steer(seen, routed, wanted)
        else:
            found += _give_back(seen, routed)
    return found


def keep_label(seen: Observation, wanted: Wanted | None) -> frozenset[str]:
    """Pods whose label must stay for now: without them a subset would be empty that has weight, or
    is about to have it, or to be bound."""
    named, found = seen.traffic.named, _routes(seen)
    if named is None or named.rule is None or not found:
        return frozenset()
    observed = [route.weight for route in found]
    coming = observed if wanted is None else [*observed, wanted.weight]
    shares = {STABLE: 100 - min(coming), CANARY: max(coming)}
    bindings = {(subset, traffic_istio.revision_of(named.rule, subset)) for subset in shares}
    if wanted is not None:
        bindings.add((STABLE, wanted.stable))
    kept = set()
    for subset, revision in bindings:
        members = _of(seen, revision) if revision else []
        leaving = [p for p in members if p.agent and p.agent.revision != p.revision_label]
        used = shares[subset] > 0 or not named.settled_service
        if used and members and len(leaving) == len(members):
            kept.add(members[0].name)
    return frozenset(kept)


def _routes(seen: Observation) -> tuple[Route, ...]:
    named, routing = seen.traffic.named, seen.spec.traffic_routing
    if named is None or routing is None or routing.istio is None:
        return ()
    try:
        return traffic_istio.routes(named.service, routing.istio.virtual_service.routes)
    except NoRoute:
        return ()


def _steer(seen: Observation, routed: Routed, wanted: Wanted) -> list[Patch]:
    found = _routes(seen)
    if not found or routed.rule is None:
        return []
    owned = seen.name in records(routed.service)
    if not owned and not (_of(seen, wanted.stable) and wanted.rises):
        return []  # not yet, or not any more
    binding = {STABLE: wanted.stable, CANARY: wanted.canary}
    is_bound = all(
        traffic_istio.revision_of(routed.rule, subset) == revision
        for subset, revision in binding.items()
    )
    observed = max(route.weight for route in found)
    weight = 0
    if owned and is_bound:
        weight = _weight(seen, wanted, observed)
        if weight > observed and not routed.settled_rule:
            weight = observed
    elif owned and observed and not _of(seen, wanted.stable):
        weight = observed  # another revision than before is wanted, and only the canary has pods
    rule = routed.rule.metadata.name
    moves = traffic_istio.shifted(routed.service, found, weight, seen.name, rule)
    patches = [moves] if moves else []
    sure = routed.settled_service and bool(_settled(seen, wanted.stable))
    if owned and not observed and sure:  # all weight is the stable subset's
        binds = traffic_istio.bound(routed.rule, binding)
        patches += [binds] if binds else []
    return patches


def _weight(seen: Observation, wanted: Wanted, observed: int) -> int:
    """What the canary gets now, on the way to what is wanted."""
    stable, canary = _of(seen, wanted.stable), _of(seen, wanted.canary)
    if not canary:
        return 0 if stable else observed
    if not stable:
        return 100
    ready = len(_settled(seen, wanted.canary))
    # The last stable pod takes its label off only when nothing is sent to its subset any more.
    needed = min(wanted.pods, wanted.all - 1)
    weight = wanted.weight
    if weight > observed and ready < max(1, needed):
        share = 100 * ready // wanted.all
        weight = max(observed, min(weight, share))
    if weight > observed and not wanted.rises:
        return observed
    if weight < observed == 100 and not _settled(seen, wanted.stable):
        return observed
    return weight


def _give_back(seen: Observation, routed: Routed) -> list[Patch]:
    """Subsets first: the weights as they were may mean one that has no pods by now."""
    if seen.name not in records(routed.service):
        return []
    if routed.rule is not None:
        releases = traffic_istio.released(routed.rule)
        if releases is not None:
            return [releases]
        if not routed.settled_rule:
            return []
    back = traffic_istio.given_back(routed.service, seen.name)
    return [back] if back else []


def _of(seen: Observation, revision: str) -> Sequence[PodObservation]:
    return [
        pod
        for pod in seen.pods
        if pod.ready and not pod.terminating and pod.revision_label == revision
    ]


def _settled(seen: Observation, revision: str) -> Sequence[PodObservation]:
    return [pod for pod in _of(seen, revision) if pod.name in seen.traffic.settled_pods]
