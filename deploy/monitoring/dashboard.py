"""The Grafana dashboard from code: `python -m deploy.monitoring.dashboard FILE` writes its JSON."""

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueTextMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    VariableRefresh,
)
from grafana_foundation_sdk.models.dashboard import Panel as Model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.monitoring.panels import Kind, Panel
from deploy.monitoring.rows import ROWS

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
HEIGHT = 8
BUILDERS: dict[Kind, Callable[[], Any]] = {
    Kind.STAT: lambda: stat.Panel().text_mode(BigValueTextMode.VALUE_AND_NAME),
    Kind.TABLE: lambda: table.Panel().show_header(True),
    Kind.LINES: lambda: timeseries.Panel().legend(_legend()),
    Kind.STACK: lambda: _filled().stacking(common.StackingConfig().mode(StackingMode.NORMAL)),
    Kind.BARS: lambda: _filled().draw_style(GraphDrawStyle.BARS),
    Kind.STATES: lambda: statetimeline.Panel().legend(_legend()),
}


def encoded() -> str:
    """As Grafana imports it, and as it is checked in."""
    return json.dumps(_dashboard(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def _dashboard() -> object:
    builder = (
        dashboard.Dashboard("hotupgrade")
        .uid("hotupgrade")
        .description("In-pod hot upgrades: the fleet, one upgrade, hand-overs, failures, agents.")
        .tags(["hotupgrade"])
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus"))
        .with_variable(_variable("namespace", "hotupgrade_phase"))
        .with_variable(_variable("name", 'hotupgrade_phase{namespace="$namespace"}'))
    )
    numbers = itertools.count(1)
    for row in ROWS:
        builder = builder.with_row(dashboard.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            builder = builder.with_panel(_panel(panel, next(numbers)))
    return builder.build()


def _variable(label: str, metric: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(label)
        .label("HotUpgrade" if label == "name" else label)
        .datasource(SOURCE)
        .query(f"label_values({metric}, {label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def _filled() -> timeseries.Panel:
    return timeseries.Panel().fill_opacity(60).legend(_legend())


def _legend() -> common.VizLegendOptions:
    below = common.VizLegendOptions().placement(LegendPlacement.BOTTOM)
    return below.display_mode(LegendDisplayMode.LIST).show_legend(True)


def _panel(panel: Panel, number: int) -> Builder[Model]:
    builder = (
        BUILDERS[panel.kind]()
        .id(number)
        .title(panel.title)
        .description(panel.description)
        .datasource(SOURCE)
        .unit(panel.unit)
        .height(HEIGHT)
        .span(panel.width)
    )
    for index, (expression, legend) in enumerate(panel.queries):
        target = (
            prometheus.Dataquery()
            .expr(expression)
            .legend_format(legend)
            .ref_id(chr(ord("A") + index))
        )
        if panel.kind in (Kind.STAT, Kind.TABLE):
            target = target.instant()
        if panel.kind is Kind.TABLE:
            target = target.format(PromQueryFormat.TABLE)
        builder = builder.with_target(target)
    built: Builder[Model] = builder
    return built


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(encoded())
