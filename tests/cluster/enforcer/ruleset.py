"""Pure: State -> the whole ruleset for nft(8), IPv4.

A pod that a policy isolates has a chain for that direction: what a policy allows returns from it,
the rest is refused at its end. A connection between two pods of the bridge passes the chains of
both, because br_netfilter shows bridged packets to the filters of the IP layer.
"""

from collections.abc import Iterator

from tests.cluster.enforcer.state import Object, Pod, State, selects

TABLE = "network-policies"
INGRESS, EGRESS = "Ingress", "Egress"
# A refusal is told, as some plugins do it: a test need not wait for a time-out.
REFUSE = ("meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited")
# What the node sends passes no filter: a kubelet always reaches the pods of its node.
HOOKS = """\
  chain forward {{
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    ip saddr vmap {{ {egress} }}
    ip daddr vmap {{ {ingress} }}
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    ct state established,related accept
    ip saddr vmap {{ {egress} }}
  }}
"""
NOBODY = "0.0.0.0 : continue"  # a map must not be empty


def ruleset(state: State) -> str:
    """Replaces the table of before in one transaction."""
    chains = {
        (pod.address, direction): list(_chain(pod, direction, selecting, state))
        for pod in state.pods
        for direction in (EGRESS, INGRESS)
        if (selecting := _isolating(pod, direction, state))
    }
    text = "".join(
        _render(_name(direction, address), rules) for (address, direction), rules in chains.items()
    )
    maps = {
        direction: ", ".join(
            f"{address} : jump {_name(direction, address)}"
            for address, found in chains
            if found == direction
        )
        for direction in (EGRESS, INGRESS)
    }
    hooks = HOOKS.format(egress=maps[EGRESS] or NOBODY, ingress=maps[INGRESS] or NOBODY)
    head = f"add table inet {TABLE}\ndelete table inet {TABLE}\n"
    return f"{head}table inet {TABLE} {{\n{text}{hooks}}}\n"


def _render(name: str, rules: list[str]) -> str:
    return f"  chain {name} {{\n" + "".join(f"    {rule}\n" for rule in rules) + "  }\n"


def _name(direction: str, address: str) -> str:
    return f"{direction.lower()}-{address.replace('.', '-')}"


def _isolating(pod: Pod, direction: str, state: State) -> list[Object]:
    return [
        policy
        for policy in state.policies
        if policy["metadata"]["namespace"] == pod.namespace
        and selects(policy["spec"].get("podSelector", {}), pod.labels)
        and direction in policy["spec"]["policyTypes"]  # the API server fills it in
    ]


def _chain(pod: Pod, direction: str, selecting: list[Object], state: State) -> Iterator[str]:
    other = "daddr" if direction == EGRESS else "saddr"
    yield f"ip {other} {pod.address} return"  # nothing keeps a pod from itself
    for policy in selecting:
        for rule in policy["spec"].get(direction.lower(), []):
            peers = rule.get("to" if direction == EGRESS else "from", [])
            for match, remote in _peers(peers, policy["metadata"]["namespace"], other, state):
                destination = remote if direction == EGRESS else pod
                for port in _ports(rule.get("ports", []), destination):
                    yield " ".join(part for part in (match, port, "return") if part)
    yield from REFUSE


def _peers(
    peers: list[Object], namespace: str, other: str, state: State
) -> Iterator[tuple[str, Pod | None]]:
    """A match of the other end, and which pod that is. None named: everybody, and each pod."""
    if not peers:
        yield "", None
        for pod in state.pods:
            yield f"ip {other} {pod.address}", pod
    for peer in peers:
        if block := peer.get("ipBlock"):
            match = f"ip {other} {block['cidr']}"
            if excluded := block.get("except"):
                match += f" ip {other} != {{ {', '.join(excluded)} }}"
            yield match, None
            continue
        for pod in state.pods:
            if _named(peer, pod, namespace, state):
                yield f"ip {other} {pod.address}", pod


def _named(peer: Object, pod: Pod, namespace: str, state: State) -> bool:
    if "namespaceSelector" in peer:
        near = selects(peer["namespaceSelector"], state.namespaces.get(pod.namespace, {}))
    else:
        near = pod.namespace == namespace
    return near and selects(peer.get("podSelector", {}), pod.labels)


def _ports(ports: list[Object], destination: Pod | None) -> Iterator[str]:
    """None named: all of them. A port's name means what the destination's containers say."""
    if not ports:
        yield ""
    for port in ports:
        protocol, wanted = port.get("protocol", "TCP"), port.get("port")
        layer = protocol.lower()
        if wanted is None:
            yield f"meta l4proto {layer}"
        elif isinstance(wanted, int):
            last = f"-{port['endPort']}" if "endPort" in port else ""
            yield f"{layer} dport {wanted}{last}"
        elif destination is not None:
            for name, spoken, number in destination.ports:
                if (name, spoken) == (wanted, protocol):
                    yield f"{layer} dport {number}"
