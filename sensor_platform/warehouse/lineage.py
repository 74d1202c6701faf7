"""Every table of the warehouse: its parents, the grain of its windows and its look-back.

Tables that dbt makes are declared in their `config(meta=...)`; `sensor-platform dbt parse` writes that to
`lineage.json`, so that nothing here needs dbt. All others are declared below. Times are integers, microseconds since
the epoch, UTC; a window is named by its start.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Literal

import msgspec

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.clock import DAY, HOUR
from sensor_platform.warehouse.meta import DbtTable, Grain

Builder = Literal["dbt", "python", "catalog", "publish"]

SLOTS = "slots"
"""The ledger's slots, the only source: which slots of event time were touched, and by which position."""

READINGS = "readings_clean"
"""The one table that is made of landed readings; all others are made of it."""

WHOLE = 0
"""Window start of tables that are rebuilt as one."""

LINEAGE_FILE = Path(__file__).with_name("lineage.json")

DBT_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


@dataclass(frozen=True, slots=True)
class Model:
    """One table (or one published table) and how change reaches it."""

    name: str
    parents: tuple[str, ...]
    grain: Grain
    """Unit that is replaced and has a state of its own."""
    reach_hours: int = 0
    """Look-back: a window depends on its parents' windows up to this many hours before its start."""
    reach_slots: int = 0
    """Slots that the look-back is longer than `reach_hours`."""
    builder: Builder = "dbt"
    window_column: str = "window_start"
    """Column that holds the start of the row's window; unused for a whole table."""
    is_published: bool = True
    is_irreproducible: bool = False
    """Predictions cannot be computed again as they were: a new warehouse file copies them from the published files."""
    written_with: str | None = None
    """The table whose maker writes this one too; it has no asset of its own."""

    def reach(self, slot: int) -> int:
        """Microseconds before the window's start that its result depends on."""
        return self.reach_hours * HOUR + self.reach_slots * slot

    def floor(self, at: int, slot: int) -> int:
        """Start of the window that holds the instant `at`."""
        size = self.size(slot)
        return WHOLE if size is None else at - at % size

    def size(self, slot: int) -> int | None:
        """Length of a window in microseconds; None for one that is everything."""
        return {"slot": slot, "hour": HOUR, "day": DAY, "whole": None}[self.grain]


CATALOG_TABLES = ("catalog_site", "catalog_devices", "catalog_metrics", "catalog_calibration")
"""The site's catalog and settings, as the warehouse was last built with them."""

PUBLISHED_PREFIX = "published."

PYTHON_TABLES = (
    Model("features", ("readings_1h",), "hour", reach_hours=168, builder="python", is_published=False),
    Model("predictions", ("features",), "hour", builder="python", window_column="issued_at", is_irreproducible=True),
    Model(
        "predictions_superseded",
        ("predictions",),
        "hour",
        builder="python",
        window_column="issued_at",
        is_irreproducible=True,
        written_with="predictions",
    ),
    Model("supervised_scores", ("features",), "hour", builder="python", is_irreproducible=True),
    Model(
        "supervised_superseded",
        ("supervised_scores",),
        "hour",
        builder="python",
        is_irreproducible=True,
        written_with="supervised_scores",
    ),
    Model("anomalies", ("readings_1h",), "hour", reach_hours=35 * 24, builder="python"),
    *(Model(name, (), "whole", builder="catalog") for name in CATALOG_TABLES),
)
"""Tables that Python makes, parents first."""

IRREPRODUCIBLE = tuple(model.name for model in PYTHON_TABLES if model.is_irreproducible)


def published(table: str) -> str:
    """Name in the state of the published copy of a table."""
    return PUBLISHED_PREFIX + table


def models(large_piece: Grain = "hour", lookback_slots: int = 0) -> dict[str, Model]:
    """Every model by name, parents before children.

    Args:
        large_piece: the site's `warehouse.large_piece`: span of a partition file of tables that are replaced by slot;
            others are published by day.
        lookback_slots: slots that rules of the catalog look back, beside the one that repeats may come from.
    """
    tables = (*(_model(name, table) for name, table in dbt_tables().items()), *PYTHON_TABLES)
    known = {model.name: looking_back(model, lookback_slots) for model in tables}
    for table in tables:
        if table.is_published:
            grain: Grain = {"slot": large_piece, "whole": "whole"}.get(table.grain, "day")
            name = published(table.name)
            known[name] = Model(name, (table.name,), grain, builder="publish", window_column=table.window_column)
    return known


def looking_back(model: Model, slots: int) -> Model:
    """The model with the look-back of the catalog's rules added. An earlier reading may be a repeat itself."""
    return replace(model, reach_slots=model.reach_slots + slots) if model.name == READINGS else model


def dbt_models() -> tuple[str, ...]:
    """Names of the tables that dbt builds, parents first."""
    return tuple(dbt_tables())


@cache
def dbt_tables() -> Mapping[str, DbtTable]:
    """The tables of `lineage.json` by name, parents first.

    Raises:
        WrongUse: the file is missing or damaged.
    """
    try:
        tables = msgspec.json.decode(LINEAGE_FILE.read_bytes(), type=dict[str, DbtTable])
    except (OSError, msgspec.MsgspecError) as error:
        raise WrongUse(f"{LINEAGE_FILE} cannot be read: {error}", "run `sensor-platform dbt parse`") from error
    return {name: tables[name] for name in _parents_first(tables)}


def tiers() -> dict[str, int]:
    """Tables whose rows are windows with the columns of a tier, with the length of the windows in seconds."""
    return {name: table.tier_seconds for name, table in dbt_tables().items() if table.tier_seconds}


def _parents_first(tables: Mapping[str, DbtTable]) -> Iterator[str]:
    """Tables as far from the readings as each other are in order of their names."""
    sorter = TopologicalSorter({name: table.parents for name, table in tables.items()})
    sorter.prepare()
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        yield from ready
        sorter.done(*ready)


def _model(name: str, table: DbtTable) -> Model:
    return Model(
        name,
        table.parents or (SLOTS,),
        table.grain,
        reach_hours=table.reach_hours,
        reach_slots=table.reach_slots,
        window_column=table.window_column,
        is_published=table.is_published,
    )
