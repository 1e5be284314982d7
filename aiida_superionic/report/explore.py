"""A page to sort, filter and plot the points of a campaign; it is one file that works from disk, without a network.

The table, the plot and the controls are Bokeh's; ``templates/explore.js`` says what the controls do.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
from bokeh.document import Document
from bokeh.embed import components
from bokeh.events import DocumentReady
from bokeh.models import (
    CategoricalColorMapper,
    CDSView,
    Checkbox,
    ColumnDataSource,
    CustomJS,
    DataTable,
    Div,
    FixedTicker,
    HoverTool,
    HTMLTemplateFormatter,
    IndexFilter,
    Legend,
    LegendItem,
    LinearScale,
    LogAxis,
    LogScale,
    MultiChoice,
    RadioButtonGroup,
    RangeSlider,
    Select,
    StringFormatter,
    TableColumn,
    TextInput,
)
from bokeh.plotting import figure
from bokeh.resources import Resources

from aiida_superionic.campaigns.results import FINISHED, Condition, PointResult
from aiida_superionic.report.explore_columns import INVERSE, MEANS, POINTS, Column, Columns, columns
from aiida_superionic.report.figures import strokes
from aiida_superionic.report.page import page, summary

_MOST_CHOICES = 60
"""Values of a column that are still offered one by one: more are found by the search."""

_MOST_COLOURS = 60
_LONGEST_LEGEND = 14
_MOST_TOLD = 5
_HINT = "Click a mark or a row to see its node and, where it failed, why."
_NOT_RANGES = {"Seed", INVERSE}
_COMPONENTS = ["bokeh", "bokeh-widgets", "bokeh-tables"]
_DRAWN = ("x", "y", "left", "right", "low", "high")
_LOOKS = ":host { font-family: inherit; }"


def render_explore(
    title: str,
    conditions: Sequence[Condition],
    points: Sequence[PointResult],
    *,
    report: str = "",
    written: datetime | None = None,
) -> str:
    """Return the text of the page.

    Parameters
    ----------
    title
        Of the page: the name of the campaign.
    conditions
        The points averaged over replicas.
    points
        All points.
    report
        The name of the file beside it with the report; empty where there is none.
    written
        The date on the page; now where not given.
    """
    parts, controls, axes = _parts(columns(conditions, points))
    script, divs = components(parts)
    return page(
        "explore.html",
        title,
        written,
        summary=summary(conditions, points),
        report=report,
        hint=_HINT,
        controls=[divs[name] for name in controls],
        axes=[divs[name] for name in axes],
        divs=divs,
        library="\n".join(Resources(mode="inline", components=_COMPONENTS, minified=True).js_raw),
        script=script,
    )


def _parts(table: Columns) -> tuple[dict[str, Any], list[str], list[str]]:
    """Return the parts of the page, all by name, and the names of those that filter and of those that set the axes."""
    described = [*table.asked, _state(table)]
    everything = [*described, *table.results]
    source, kept = _source(table), IndexFilter()
    view = CDSView(filter=kept)
    words = {c.key: c.distinct for c in described if not c.numeric and len(c.distinct) <= _MOST_CHOICES}
    x, y = _selects(table, [column for column in everything if column.numeric or column.key in words])
    log_y = _spans_decades(next(column for column in everything if column.key == y.value))
    coloured = [c for c in described if len(c.distinct) <= _MOST_COLOURS and c.title != INVERSE]
    colour = Select(title="Colour", value=_first_colour(coloured).key, options=[(c.key, c.title) for c in coloured])
    what = RadioButtonGroup(labels=[POINTS, MEANS], active=0) if MEANS in table.identity["what"] else None
    search = TextInput(title="Search", placeholder="words of the label, the message or the UUID")
    choices, ranges = _choices(table), _ranges(table)
    plot = _plot(source, view)
    grid, shown = _table(table, source, view)
    parts = {
        "search": search,
        **({"what": what} if what else {}),
        **{f"choice_{key}": widget for key, widget, _ in choices},
        **{f"range_{key}": widget for key, widget in ranges},
        "count": Div(),
        "x": x,
        "log_x": Checkbox(label="logarithmic"),
        "y": y,
        "log_y": Checkbox(label="logarithmic", active=log_y),
        "colour": colour,
        "figure": plot["figure"],
        "shown": shown,
        "table": grid,
    }
    page_of = {
        **{name: parts[name] for name in ("search", "count", "x", "y", "log_x", "log_y", "colour", "shown")},
        **plot,
        "what": what,
        "source": source,
        "kept": kept,
        "choices": choices,
        "ranges": ranges,
        "columns": grid.columns,
        "kinds": [POINTS, MEANS],
        "words": words,
        "titles": {column.key: column.title for column in everything},
        "with_error": [column.key for column in everything if column.errors is not None],
        "palettes": {c.key: [c.distinct, [stroke.colour for stroke in strokes(len(c.distinct))]] for c in coloured},
        "longest_legend": _LONGEST_LEGEND,
        "most_told": _MOST_TOLD,
        "hint": _HINT,
    }

    def call(name: str) -> CustomJS:
        return CustomJS(args={"page": page_of}, code=f"explore.{name}(page)")

    for widget, changed, name in (
        (search, "value_input", "filter"),
        *((widget, "value", "filter") for _, widget, _ in choices),
        *((widget, "value", "filter") for _, widget in ranges),
        *(((what, "active", "filter"),) if what else ()),
        *((parts[name], "active", "plot") for name in ("log_x", "log_y")),
        *((widget, "value", "plot") for widget in (x, y, colour)),
        (shown, "value", "arrange"),
        (source.selected, "indices", "show"),
    ):
        widget.js_on_change(changed, call(name))
    for part in parts.values():
        if not isinstance(part, RadioButtonGroup | Checkbox):
            part.sizing_mode = "stretch_width"
        part.stylesheets = [_LOOKS]
    document = Document()
    with document.models.freeze():  # looks for what the parts refer to once, not for each
        for part in parts.values():
            document.add_root(part)
    document.js_on_event(DocumentReady, call("begin"))
    controls = [name for name in parts if name.startswith(("choice", "range")) or name in {"search", "what", "count"}]
    return parts, controls, ["x", "log_x", "y", "log_y", "colour"]


def _source(table: Columns) -> ColumnDataSource:
    n = len(table.identity["label"])
    data: dict[str, Any] = {**table.identity, "group": [""] * n, **{key: np.full(n, np.nan) for key in _DRAWN}}
    for column in (*table.asked, *table.results):
        data[column.key] = column.values
        if column.errors is not None:
            data[f"{column.key}_error"] = column.errors
        if column.otherwise is not None:
            data[f"{column.key}_text"] = column.otherwise
    return ColumnDataSource(data)


def _state(table: Columns) -> Column:
    return Column("state", "State", table.identity["state"])


def _choices(table: Columns) -> list[tuple[str, MultiChoice, list[str]]]:
    """Return a control for each column of words, and the words that it offers: by number, as it takes text for HTML."""
    found = []
    for column in (*table.asked, _state(table)):
        names = column.distinct
        if not column.numeric and 1 < len(names) <= _MOST_CHOICES:
            offered = [(str(k), escape(name)) for k, name in enumerate(names)]
            # What is sorted by a result begins with what has results.
            first = [str(names.index(FINISHED))] if column.key == "state" and FINISHED in names else []
            found.append((column.key, MultiChoice(title=column.title, options=offered, value=first), names))
    return found


def _ranges(table: Columns) -> list[tuple[str, RangeSlider]]:
    found = []
    for column in table.asked:
        values = column.distinct
        if column.numeric and len(values) > 1 and column.title not in _NOT_RANGES:
            low, high = values[0], values[-1]
            step = min(right - left for left, right in pairwise(values))
            found.append(
                (column.key, RangeSlider(title=column.title, start=low, end=high, value=(low, high), step=step))
            )
    return found


def _selects(table: Columns, offered: Sequence[Column]) -> tuple[Select, Select]:
    options = [(column.key, column.title) for column in offered]
    numbers = [column for column in offered if column.numeric]
    varied = [column for column in numbers if not column.measured and len(column.distinct) > 1]
    x = next(iter([*varied, *numbers, *offered])).key
    y = next(iter([*table.first, *(column.key for column in table.results), x]))
    return Select(title="Across", value=x, options=options), Select(title="Up", value=y, options=options)


def _spans_decades(column: Column) -> bool:
    values = column.distinct
    return column.numeric and bool(values) and 0.0 < 30.0 * values[0] < values[-1]


def _first_colour(coloured: Sequence[Column]) -> Column:
    """Return the first column of words that tells the points apart; else the state."""
    return next((column for column in coloured if not column.numeric and len(column.distinct) > 1), coloured[-1])


def _plot(source: ColumnDataSource, view: CDSView) -> dict[str, Any]:
    """Return the figure and the parts of it that change, by name."""
    mapper = CategoricalColorMapper(factors=[], palette=[])
    colour = {"field": "group", "transform": mapper}
    drawn = figure(
        height=480,
        tools="pan,wheel_zoom,box_zoom,box_select,tap,reset,save",
        active_drag="box_zoom",
        toolbar_location="above",
        name="plot",
    )
    drawn.toolbar.logo = None
    faint = {"source": source, "view": view, "line_color": colour, "line_alpha": 0.5}
    bars_y = drawn.segment(x0="x", y0="low", x1="x", y1="high", **faint)
    bars_x = drawn.segment(x0="left", y0="y", x1="right", y1="y", **faint)
    marks = drawn.scatter(
        "x", "y", source=source, view=view, size=7, color=colour, alpha=0.8, nonselection_alpha=0.2, name="marks"
    )
    formats = {"@x": "printf", "@y": "printf"}
    told = [("", "@label"), ("state", "@state"), ("x", "@x{%.5g}"), ("y", "@y{%.5g}")]
    drawn.add_tools(HoverTool(renderers=[marks], tooltips=told, formatters=formats))
    legend = Legend(items=[LegendItem(label={"field": "group"}, renderers=[marks])], ncols=4, location="left")
    legend.orientation, legend.border_line_color = "horizontal", None
    legend.title_text_font_style, legend.label_text_font_size = "normal", "13px"
    drawn.add_layout(legend, "below")
    drawn.add_layout(LogAxis(visible=False), "below")
    drawn.add_layout(LogAxis(visible=False), "left")
    for axis in (*drawn.xaxis, *drawn.yaxis):
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "13px"
    return {
        "figure": drawn,
        "marks": marks,
        "bars_x": bars_x,
        "bars_y": bars_y,
        "mapper": mapper,
        "legend": legend,
        "axes_x": list(drawn.xaxis),
        "axes_y": list(drawn.yaxis),
        "tickers_x": [drawn.xaxis[0].ticker, FixedTicker()],
        "tickers_y": [drawn.yaxis[0].ticker, FixedTicker()],
        "scales": [LinearScale(), LogScale(), LinearScale(), LogScale()],
    }


def _table(table: Columns, source: ColumnDataSource, view: CDSView) -> tuple[DataTable, MultiChoice]:
    """Return the table and the choice of its columns; a heading is taken for HTML."""
    listed = [
        Column("label", "Point", table.identity["label"]),
        *(column for column in table.asked if column.title != INVERSE),
        _state(table),
        *table.results,
        Column("message", "Exit message", table.identity["message"]),
        Column("pk", "pk", table.identity["pk"]),
        Column("uuid", "UUID", table.identity["uuid"]),
    ]
    first = {"state", *table.first, *(c.key for c in table.asked if len(c.distinct) > 1)}
    if len(first) == 1 + len(table.first):
        first.add("label")
    heads = []
    for column in listed:
        if column.measured:
            otherwise = f"{column.key}_text" if column.otherwise is not None else '""'
            told = f"explore.measurement(value, {column.key}_error, {otherwise})"
            formatter = HTMLTemplateFormatter(template=f"<%= {told} %>")
        else:
            formatter = StringFormatter(nan_format="—")
        letters = max(map(len, column.values)) if isinstance(column.values, list) and column.values else 0
        width = min(300, 24 + 8 * max(len(column.title), letters, 8))
        heads.append(
            TableColumn(
                field=column.key,
                title=escape(column.title),
                formatter=formatter,
                width=width,
                visible=column.key in first,
            )
        )
    shown = MultiChoice(
        title="Columns",
        options=[(str(k), escape(column.title)) for k, column in enumerate(listed)],
        value=[str(k) for k, column in enumerate(listed) if column.key in first],
    )
    grid = DataTable(
        source=source,
        view=view,
        columns=heads,
        height=520,
        row_height=28,
        index_position=None,
        autosize_mode="none",
        reorderable=False,
    )
    return grid, shown
