"""Pure: an agent's page of metrics -> what lives in its pod."""

import msgspec
from prometheus_client.parser import text_string_to_metric_families

PREFIX = "hotupgrade_agent_"


class Processes(msgspec.Struct, frozen=True, rename="camel"):
    """The process generations of one pod. unknown: why nothing is known of them."""

    generations: int = 0  # that live now: 2 while an old one is warm or drains
    app_restarts: int = 0  # by the launcher: the container's own count does not know of them
    memory_bytes: int = 0  # of the container
    memory_limit_bytes: int = 0  # 0: none
    unknown: str = ""


def read(page: str) -> Processes:
    try:
        found = {
            sample.name.removeprefix(PREFIX): int(sample.value)
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if family.name.startswith(PREFIX) and not sample.labels
        }
    except ValueError:
        return Processes(unknown="its agent's metrics cannot be read")
    if not found.get("launcher_up"):
        return Processes(unknown="its launcher does not answer")
    return Processes(
        generations=found.get("process_generations", 0),
        app_restarts=found.get("app_restarts", 0),
        memory_bytes=found.get("container_memory_bytes", 0),
        memory_limit_bytes=found.get("container_memory_limit_bytes", 0),
    )


def told(found: Processes) -> str:
    """For people."""
    if found.unknown:
        return found.unknown
    text = f"{found.generations} process" + ("es" if found.generations != 1 else "")
    if found.app_restarts:
        text += f", restarted {found.app_restarts} times"
    text += f", {_mebibytes(found.memory_bytes)}"
    return text + (
        f" of {_mebibytes(found.memory_limit_bytes)}" if found.memory_limit_bytes else ""
    )


def _mebibytes(count: int) -> str:
    return f"{count / (1 << 20):.0f} MiB"
