"""Pure: findings as lines that editors and people can follow."""

from collections.abc import Iterable

from rich.text import Text

from hotupgrade_kubectl.lint.finding import Finding, Severity

STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def lines(findings: Iterable[Finding]) -> list[Text]:
    """`FILE:LINE: error: document N, PATH: what is wrong`, and what would be right below it."""
    shown = []
    for each in findings:
        place = f"document {each.document}" + (f", {each.path}" if each.path else "")
        shown.append(
            Text.assemble(
                f"{each.file}:{each.line}: ",
                (each.severity.value, STYLES[each.severity]),
                f": {place}: {each.message}",
            )
        )
        if each.remedy:
            shown.append(Text(f"    right: {each.remedy}"))
    return shown


def summary(checked: int, findings: list[Finding]) -> str:
    errors = sum(1 for each in findings if each.severity is Severity.ERROR)
    warnings = len(findings) - errors
    return f"HotUpgrades checked: {checked}; errors: {errors}; warnings: {warnings}"
