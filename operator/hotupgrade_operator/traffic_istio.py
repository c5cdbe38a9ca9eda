"""Pure: a VirtualService and a DestinationRule as observed -> the JSON patches that move weights.

Server-side apply owns a route list as a whole: forcing it would take out what others have in it. So
each patch changes only weights, or one label of a subset, and tests first that the object, and the
place in it, are those that were observed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hotupgrade_api.resource import LABEL_REVISION
from hotupgrade_operator.istio_resources import (
    ANNOTATION,
    CANARY,
    RULES,
    SERVICES,
    STABLE,
    DestinationRule,
    Record,
    Subset,
    VirtualService,
    records,
    written,
)

Operation = dict[str, Any]
ANNOTATION_PATH = f"/metadata/annotations/{ANNOTATION.replace('/', '~1')}"
LABEL_KEY = LABEL_REVISION.replace("/", "~1")


class NoRoute(Exception):
    """The VirtualService has not what the spec names; the message says what it has."""


@dataclass(frozen=True)
class Patch:
    """A JSON patch of one object. what: for the audit."""

    plural: str
    name: str
    operations: tuple[Operation, ...]
    what: str


@dataclass(frozen=True)
class Track:
    """One destination of a route."""

    index: int
    host: str
    weight: int | None


@dataclass(frozen=True)
class Route:
    index: int
    name: str
    stable: Track
    canary: Track

    @property
    def weight(self) -> int:
        """The canary's share in percent, by what both have."""
        stable, canary = self.stable.weight or 0, self.canary.weight or 0
        return 100 * canary // (stable + canary) if stable + canary else 0


def routes(service: VirtualService, names: Sequence[str]) -> tuple[Route, ...]:
    """Those of these names; without any, the only one that there is. Raises NoRoute."""
    there = service.spec.http
    where = f"VirtualService {service.metadata.name}"
    if not names and len(there) != 1:
        raise NoRoute(
            f"{where} has {len(there)} HTTP routes ({_listed([r.name for r in there])}): "
            "spec.trafficRouting.istio.virtualService.routes names those that are meant"
        )
    for name in names:
        if all(route.name != name for route in there):
            has = _listed([r.name for r in there])
            raise NoRoute(f"cannot find HTTP route {name!r} in {where}; it has {has}")
    meant = [(i, r) for i, r in enumerate(there) if not names or r.name in names]
    found = []
    for index, route in meant:
        tracks = {
            d.destination.subset: Track(j, d.destination.host, d.weight)
            for j, d in enumerate(route.route)
        }
        if len(route.route) != 2 or set(tracks) != {STABLE, CANARY}:
            subsets = _listed([d.destination.subset for d in route.route])
            raise NoRoute(
                f"HTTP route {route.name!r} of {where} has destinations of the subsets {subsets}; "
                f"one of {STABLE} and one of {CANARY} are right"
            )
        found.append(Route(index, route.name, tracks[STABLE], tracks[CANARY]))
    return tuple(found)


def shifted(
    service: VirtualService, found: Sequence[Route], weight: int, owner: str, rule: str
) -> Patch | None:
    """Gives the canary that weight, and keeps what was there before it; None: it has it."""
    known = dict(records(service))
    wrong = [r for r in found if (r.stable.weight, r.canary.weight) != (100 - weight, weight)]
    if not wrong and owner in known:
        return None
    operations = [_same(service)]
    if owner not in known:
        before = {r.name: (r.stable.weight, r.canary.weight) for r in found}
        known[owner] = Record(rule, before)
        operations += _annotated(service, written(known))
    for route in wrong:
        operations += _weights(route, 100 - weight, weight)
    what = f"{weight} % to the subset {CANARY}"
    return Patch(SERVICES, service.metadata.name, tuple(operations), what)


def given_back(service: VirtualService, owner: str) -> Patch | None:
    """The weights as they were, of the routes that are still there; None: nothing was changed."""
    known = dict(records(service))
    record = known.pop(owner, None)
    if record is None:
        return None
    operations = [_same(service)]
    for name, (stable, canary) in record.weights.items():
        try:
            found = routes(service, [name] if name else [])
        except NoRoute:
            continue  # somebody took it out
        for route in found:
            operations += _weights(route, stable, canary)
    if known:
        operations += _annotated(service, written(known))
    else:
        operations.append({"op": "remove", "path": ANNOTATION_PATH})
    return Patch(SERVICES, service.metadata.name, tuple(operations), "the weights as they were")


def revision_of(rule: DestinationRule, subset: str) -> str:
    """The revision that a subset is bound to; empty: to none, or there is no such subset."""
    found = next((s for s in rule.spec.subsets or () if s.name == subset), None)
    return (found.labels or {}).get(LABEL_REVISION, "") if found else ""


def bound(rule: DestinationRule, revisions: dict[str, str]) -> Patch | None:
    """Binds subsets, by name, to revisions; makes those that are missing. None: they are."""
    operations = [
        operation
        for name, revision in revisions.items()
        if revision_of(rule, name) != revision
        for operation in _bind(rule, name, revision)
    ]
    if not operations:
        return None
    if rule.spec.subsets is None:
        operations.insert(0, {"op": "add", "path": "/spec/subsets", "value": []})
    what = ", ".join(f"subset {name} is revision {r}" for name, r in revisions.items())
    return Patch(RULES, rule.metadata.name, (_same(rule), *operations), what)


def released(rule: DestinationRule) -> Patch | None:
    """Subsets select by revision no more. One that we made stays: a route that names it would have
    no pods without it. None: they do not."""
    operations = [
        operation
        for index, subset in enumerate(rule.spec.subsets or ())
        if subset.name in (STABLE, CANARY) and LABEL_REVISION in (subset.labels or {})
        for operation in (
            _same_subset(index, subset),
            {"op": "remove", "path": f"/spec/subsets/{index}/labels/{LABEL_KEY}"},
        )
    ]
    if not operations:
        return None
    what = "subsets select by revision no more"
    return Patch(RULES, rule.metadata.name, (_same(rule), *operations), what)


def _bind(rule: DestinationRule, name: str, revision: str) -> Iterator[Operation]:
    labels = {LABEL_REVISION: revision}
    for index, subset in enumerate(rule.spec.subsets or ()):
        if subset.name != name:
            continue
        yield _same_subset(index, subset)
        path = f"/spec/subsets/{index}/labels"
        if subset.labels is None:
            yield {"op": "add", "path": path, "value": labels}
        else:
            yield {"op": "add", "path": f"{path}/{LABEL_KEY}", "value": revision}
        return
    yield {"op": "add", "path": "/spec/subsets/-", "value": {"name": name, "labels": labels}}


def _weights(route: Route, stable: int | None, canary: int | None) -> Iterator[Operation]:
    path = f"/spec/http/{route.index}"
    if route.name:
        yield {"op": "test", "path": f"{path}/name", "value": route.name}
    for track, subset, weight in ((route.stable, STABLE, stable), (route.canary, CANARY, canary)):
        place = f"{path}/route/{track.index}"
        yield {"op": "test", "path": f"{place}/destination/host", "value": track.host}
        yield {"op": "test", "path": f"{place}/destination/subset", "value": subset}
        if weight is not None:
            yield {"op": "add", "path": f"{place}/weight", "value": weight}
        elif track.weight is not None:
            yield {"op": "remove", "path": f"{place}/weight"}


def _annotated(service: VirtualService, value: str) -> Iterator[Operation]:
    if not service.metadata.annotations:
        yield {"op": "add", "path": "/metadata/annotations", "value": {}}
    yield {"op": "add", "path": ANNOTATION_PATH, "value": value}


def _same(found: VirtualService | DestinationRule) -> Operation:
    version = found.metadata.resource_version
    return {"op": "test", "path": "/metadata/resourceVersion", "value": version}


def _same_subset(index: int, subset: Subset) -> Operation:
    return {"op": "test", "path": f"/spec/subsets/{index}/name", "value": subset.name}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
