"""Pure: instants as the resource's status holds them (RFC 3339, UTC, whole seconds)."""

from datetime import UTC, datetime

EPOCH = "1970-01-01T00:00:00Z"


def written(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_since(text: str, now: datetime) -> float:
    """0 where the text is no instant: what waits for time to pass goes on waiting."""
    try:
        return (now - datetime.fromisoformat(text)).total_seconds()
    except ValueError:
        return 0.0
