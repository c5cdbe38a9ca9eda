"""Writes docs/reference/*.md from the types: `python -m hotupgrade_api.reference FOLDER`."""

import sys
from pathlib import Path
from typing import Any

import msgspec

from hotupgrade_api import agent_messages, launcher_messages, resource, resource_status

NOTE = "<!-- written by `make reference` from the types; change those -->\n"
UNIONS: dict[str, list[type]] = {
    "hotupgrade.md": [resource.HotUpgradeSpec, resource_status.HotUpgradeStatus],
    "agent-protocol.md": [
        agent_messages.AgentStatus,
        agent_messages.UpgradeCommand,
        agent_messages.TargetedCommand,
        agent_messages.WeightRequest,
        agent_messages.RollbackRequest,
        agent_messages.ReachRequest,
        agent_messages.ReachAnswer,
        agent_messages.TrustUpdate,
        agent_messages.OwnerUpdate,
        agent_messages.AgentError,
        agent_messages.BootConfig,
    ],
    "launcher-protocol.md": [
        launcher_messages.StatusCommand,
        launcher_messages.StartCommand,
        launcher_messages.WeightCommand,
        launcher_messages.PromoteCommand,
        launcher_messages.RollbackCommand,
        launcher_messages.WaitCommand,
        launcher_messages.LauncherAnswer,
    ],
}
TITLES = {
    "hotupgrade.md": ("The HotUpgrade resource", resource),
    "agent-protocol.md": ("Operator to agent", agent_messages),
    "launcher-protocol.md": ("Agent to launcher", launcher_messages),
}


def type_name(schema: dict[str, Any]) -> str:
    """A JSON schema as one cell: `string`, `[Step](#step)`, `integer 0 to 100`, ..."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(type_name(s) for s in schema["anyOf"] if s.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {type_name(schema.get('items') or {})}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {type_name(schema['additionalProperties'])}"
    if "pattern" in schema:
        return f"{kind} `{schema['pattern'].replace('|', chr(92) + '|')}`"
    return kind + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum")
    if low is None and high is None:
        return ""
    return f" {low} to {high}" if high is not None else f" from {low}"


def _default(name: str, field: dict[str, Any], required: list[str]) -> str:
    if name in required:
        return "required"
    default = field.get("default")
    return "" if default in (None, "", [], {}) else f"`{default}`"


def _section(name: str, schema: dict[str, Any]) -> list[str]:
    lines = [f"## {name}", ""]
    if schema.get("description"):
        lines += [str(schema["description"]), ""]
    if "enum" in schema:
        return [*lines, type_name(schema), ""]
    lines += ["| field | type | default |", "|---|---|---|"]
    required = schema.get("required", [])
    for field, value in schema.get("properties", {}).items():
        lines.append(f"| `{field}` | {type_name(value)} | {_default(field, value, required)} |")
    return [*lines, ""]


def page(file: str) -> str:
    """One page of the reference, as Markdown."""
    title, module = TITLES[file]
    roots = UNIONS[file]
    _, components = msgspec.json.schema_components(roots)
    first = [root.__name__ for root in roots]
    names = first + sorted(name for name in components if name not in first)
    lines = [NOTE, f"# {title}", "", (module.__doc__ or "").strip(), ""]
    for name in names:
        lines += _section(name, components[name])
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for file in UNIONS:
        (folder / file).write_text(page(file))


if __name__ == "__main__":
    main()
