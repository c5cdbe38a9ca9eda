"""The simulated cluster with a VirtualService and a DestinationRule, whose patches are applied."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from hotupgrade_api.resource import (
    LABEL_REVISION,
    DestinationRuleRef,
    Istio,
    Step,
    Strategy,
    TrafficRouting,
    VirtualServiceRef,
)
from hotupgrade_operator.istio_resources import DestinationRule, VirtualService, records
from hotupgrade_operator.traffic_istio import Patch
from hotupgrade_operator.traffic_view import Routed, TrafficView
from tests.unit.world import GOOD, World, spec, world

Object = dict[str, Any]
ROUTING = TrafficRouting(
    istio=Istio(
        virtual_service=VirtualServiceRef(name="web", routes=["primary"]),
        destination_rule=DestinationRuleRef(name="web"),
    )
)


def service_object(stable: int | None = 100, canary: int | None = 0) -> Object:
    def destination(subset: str, weight: int | None) -> Object:
        made: Object = {"destination": {"host": "web", "subset": subset}}
        return made if weight is None else {**made, "weight": weight}

    routes = [destination("stable", stable), destination("canary", canary)]
    other = {"name": "other", "route": [{"destination": {"host": "other"}}]}
    return {
        "metadata": {"name": "web", "resourceVersion": "1"},
        "spec": {"http": [other, {"name": "primary", "timeout": "9s", "route": routes}]},
    }


def rule_object(**subsets: Object) -> Object:
    made = [{"name": name, "labels": labels} for name, labels in subsets.items()]
    return {"metadata": {"name": "web", "resourceVersion": "1"}, "spec": {"subsets": made}}


def apply(found: Object, patch: Patch) -> None:
    """RFC 6902, as far as it is used: test, add, remove. A test that fails is an AssertionError."""
    for operation in patch.operations:
        keys = [k.replace("~1", "/") for k in operation["path"].split("/")[1:]]
        parent: Any = found
        for key in keys[:-1]:
            parent = parent[int(key)] if isinstance(parent, list) else parent[key]
        at: Any = keys[-1]
        if isinstance(parent, list):
            at = len(parent) if at == "-" else int(at)
        match operation["op"]:
            case "test":
                assert parent[at] == operation["value"], operation
            case "add" if isinstance(parent, list):
                parent.insert(at, operation["value"])
            case "add":
                parent[at] = operation["value"]
            case "remove":
                del parent[at]
    version = int(found["metadata"]["resourceVersion"]) + 1
    found["metadata"]["resourceVersion"] = str(version)


@dataclass
class MeshWorld:
    """Checks after each patch that no subset has weight and no ready pod."""

    world: World
    service: Object = field(default_factory=service_object)
    rule: Object = field(default_factory=lambda: rule_object(stable={}, canary={}))
    settled: bool = True
    shares: list[int] = field(default_factory=list)

    def reconcile(self) -> None:
        self.look()
        self.world.patched.clear()
        self.world.wait(2)
        self.world.reconcile()
        for patch in self.world.patched:
            apply(self.service if patch.plural == "virtualservices" else self.rule, patch)
        self.world.finish()
        self.check()

    def look(self) -> None:
        service = msgspec.convert(self.service, VirtualService)
        rule = msgspec.convert(self.rule, DestinationRule)
        routed = Routed(service, rule, self.settled, self.settled)
        asked = self.world.seen.spec.traffic_routing is not None
        ours = (routed,) if asked or records(service) else ()
        settled = (p.name for p in self.world.seen.pods if self.settled)
        view = TrafficView(routed if asked else None, ours, frozenset(settled))
        self.world.seen = replace(self.world.seen, traffic=view)

    def until(self, check: Callable[[], bool]) -> None:
        for _ in range(100):
            self.reconcile()
            if check():
                return
        raise AssertionError(f"{self.weights()}, {self.world.seen.status}")

    def weights(self) -> list[int | None]:
        routes = {route["name"]: route for route in self.service["spec"]["http"]}
        return [d.get("weight") for d in routes["primary"]["route"]]

    def check(self) -> None:
        weights = dict(zip(("stable", "canary"), self.weights(), strict=True))
        if self.weights()[1] not in self.shares[-1:]:
            self.shares.append(self.weights()[1] or 0)
        for subset in self.rule["spec"]["subsets"]:
            revision = (subset["labels"] or {}).get(LABEL_REVISION)
            pods = [
                p for p in self.world.seen.pods if p.ready and revision in (None, p.revision_label)
            ]
            assert pods or not weights[subset["name"]], (weights, self.rule)


def mesh_world(*weights: int, pods: int = 4, **more: Any) -> MeshWorld:
    """Stable at the image's own program, with the upgrade to GOOD applied."""
    made = world(None, pods)
    made.settle()
    steps = [Step(set_weight=weight) for weight in weights]
    strategy = Strategy(max_concurrent="100%", steps=steps)
    made.apply(spec(GOOD, strategy=strategy, traffic_routing=ROUTING))
    return MeshWorld(made, **more)
