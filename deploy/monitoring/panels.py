"""What a dashboard is made of, as data: rows of panels with their queries."""

from dataclasses import dataclass
from enum import Enum

WINDOW = "$__rate_interval"
PERCENTILES = (50, 90, 99)
SECONDS, BYTES, SHORT, SHARE = "s", "bytes", "short", "percentunit"
THIRD, HALF, QUARTER = 8, 12, 6  # of 24 columns

Query = tuple[str, str]  # the expression, and the legend of its series


class Kind(Enum):
    STAT = "stat"
    TABLE = "table"
    LINES = "lines"
    STACK = "stack"
    BARS = "bars"
    STATES = "states"


@dataclass(frozen=True)
class Panel:
    title: str
    kind: Kind
    description: str
    queries: tuple[Query, ...]
    unit: str = SHORT
    width: int = THIRD


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


def total_increase(counter: str, *labels: str, matching: str = "") -> str:
    by = f" by ({', '.join(labels)}) " if labels else ""
    return f"sum{by}(increase({counter}{matching}[{WINDOW}]))"


def percentiles(histogram: str) -> tuple[Query, ...]:
    buckets = f"sum by (le) (rate({histogram}_bucket[{WINDOW}]))"
    return tuple(
        (f"histogram_quantile({percent / 100:g}, {buckets})", f"p{percent}")
        for percent in PERCENTILES
    )
