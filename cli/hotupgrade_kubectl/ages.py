"""Pure: how long ago a time of the API server's was, in as few characters as kubectl uses."""

from datetime import datetime

STEPS = (("d", 86400, 2), ("h", 3600, 3), ("m", 60, 2))  # unit, seconds, least count to use it


def age(time: str | None, now: datetime) -> str:
    """time: RFC 3339; `?` where it is none, or names no zone."""
    try:
        past = now - datetime.fromisoformat(time or "")
    except (ValueError, TypeError):
        return "?"
    seconds = max(0, int(past.total_seconds()))
    for unit, length, least in STEPS:
        if seconds >= length * least:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
