"""Writes a component's metrics as a page: its registry is the one source of their names."""

from prometheus_client import CollectorRegistry, Metric

NOTE = "<!-- written by `make reference` from the registry; change that -->\n"


def page(title: str, registry: CollectorRegistry) -> str:
    """Markdown: a row for each metric family. A counter's name ends in `_total` on the wire."""
    rows = []
    for family in registry.collect():
        labels = ", ".join(f"`{name}`" for name in _label_names(family, registry))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    head = "| metric | type | labels | what it counts |\n|---|---|---|---|\n"
    return f"{NOTE}# {title}\n\n{head}" + "\n".join(sorted(rows)) + "\n"


def _label_names(family: Metric, registry: CollectorRegistry) -> tuple[str, ...]:
    """The library tells the labels of samples only, and a metric that was not used has none."""
    for source in (family, registry._names_to_collectors[family.name]):
        if found := getattr(source, "_labelnames", None):
            return tuple(found)
    return ()
