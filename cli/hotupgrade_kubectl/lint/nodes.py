"""Pure: what is wrong with a YAML document before it becomes an object: after that it cannot be
seen, or costs too much to look at."""

from collections.abc import Iterator

import yaml

from hotupgrade_kubectl.lint.finding import Path

MOST_VALUES = 1_000_000  # aliases of aliases multiply: 30 short lines would not fit into any memory


def too_much(node: yaml.Node) -> str:
    """Why its aliases cannot be followed; empty where they can."""
    try:
        count = _values(node, {}, set())
    except _ContainsItself:
        return "a value contains itself"
    return "" if count <= MOST_VALUES else f"its aliases make {count} values of it"


def keys_that_are_there_twice(node: yaml.Node) -> Iterator[Path]:
    return _twice(node, (), set())


class _ContainsItself(Exception):
    pass


def _values(node: yaml.Node, known: dict[int, int], around: set[int]) -> int:
    """How many there are with every alias followed. around: the nodes that this one is in."""
    if id(node) in around:
        raise _ContainsItself
    if id(node) not in known:
        inside = around | {id(node)}
        known[id(node)] = 1 + sum(_values(part, known, inside) for part in _parts(node))
    return known[id(node)]


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _twice(node: yaml.Node, path: Path, met: set[int]) -> Iterator[Path]:
    """Each node once: it stands at one place in the text."""
    if id(node) in met:
        return
    met.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, part in enumerate(node.value):
            yield from _twice(part, (*path, index), met)
    elif isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in keys and key.value != "<<":
                yield (*path, key.value)
            keys.add(key.value)
            yield from _twice(value, (*path, key.value), met)
