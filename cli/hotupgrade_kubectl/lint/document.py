"""Pure: the objects of a YAML or JSON text, each knowing which line a field of it stands on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from hotupgrade_kubectl.lint import nodes
from hotupgrade_kubectl.lint.finding import Finding, Path, Severity, written

Object = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """Leaves dates as text, as kubectl does."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Document:
    """One object. A List's items are documents of their own, with the List's number."""

    file: str
    number: int  # from 1
    value: Object
    node: yaml.Node

    @property
    def kind(self) -> str:
        return str(self.value.get("kind", ""))

    @property
    def api_version(self) -> str:
        return str(self.value.get("apiVersion", ""))

    @property
    def name(self) -> str:
        return self._of_metadata("name")

    @property
    def namespace(self) -> str:
        """Empty where kubectl's own is used."""
        return self._of_metadata("namespace")

    def _of_metadata(self, field: str) -> str:
        metadata = self.value.get("metadata")
        return str(metadata.get(field) or "") if isinstance(metadata, dict) else ""

    def line(self, path: Path) -> int:
        """Of the field, or of the nearest one around it that is there."""
        node, line = self.node, self.node.start_mark.line
        for part in path:
            if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                if part >= len(node.value):
                    break
                node = node.value[part]
                line = node.start_mark.line
            elif isinstance(node, yaml.MappingNode):
                pair = next((p for p in reversed(node.value) if p[0].value == part), None)
                if pair is None:
                    break
                node, line = pair[1], pair[0].start_mark.line
            else:
                break
        return int(line) + 1

    def finding(
        self,
        path: Path,
        message: str,
        remedy: str = "",
        severity: Severity = Severity.ERROR,
    ) -> Finding:
        return Finding(
            file=self.file,
            line=self.line(path),
            document=self.number,
            path=written(path),
            severity=severity,
            message=message,
            remedy=remedy,
        )


def documents(file: str, text: str) -> tuple[list[Document], list[Finding]]:
    """The objects up to the first that cannot be read, and what kubectl's parser would refuse."""
    found: list[Document] = []
    findings: list[Finding] = []
    loader = _Loader(text)
    number = 0
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None  # check_node saw it
            number += 1
            if why := nodes.too_much(node):
                findings.append(Document(file, number, {}, node).finding((), why, "fewer aliases"))
                continue
            # Before it is an object: that lays `<<` under the keys of the node itself.
            twice = list(nodes.keys_that_are_there_twice(node))
            value = loader.construct_document(node)
            if value is None:
                continue
            if not isinstance(value, dict):
                where = Document(file, number, {}, node)
                findings.append(where.finding((), "is no object", "kind, metadata and spec"))
                continue
            whole = Document(file, number, value, node)
            findings += [
                whole.finding(path, "is there twice, and kubectl refuses that", "keep one")
                for path in twice
            ]
            found += _items(whole)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        findings.append(
            Finding(
                file=file,
                line=mark.line + 1 if mark else 1,
                document=max(1, number),
                path="",
                message=f"cannot read YAML: {error.problem or error.context}",
            )
        )
    finally:
        loader.dispose()
    return found, findings


def _items(whole: Document) -> Iterator[Document]:
    items = whole.value.get("items")
    if whole.kind != "List" or not isinstance(items, list):
        yield whole
        return
    assert isinstance(whole.node, yaml.MappingNode)
    # The last of two keys is the one that counts.
    of_items = next(v for k, v in reversed(whole.node.value) if k.value == "items")
    for item, node in zip(items, of_items.value, strict=True):
        if isinstance(item, dict):
            yield Document(whole.file, whole.number, item, node)
