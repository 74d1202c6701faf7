"""What depends on what: every table of the warehouse, its parents, the grain of its windows and its reach.

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
"""The ledger's slots, the one source: which slots of event time were touched, and by which position."""

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
    """Unit that is replaced, and of which the state is kept."""
    reach_hours: int = 0
    """A window depends on its parents' windows up to this far before its start,"""
    reach_slots: int = 0
    """and this many slots."""
    builder: Builder = "dbt"
    window_column: str = "window_start"
    """Column of the table that holds the start of the window; of no meaning for a whole table."""
    is_published: bool = True
    is_said: bool = False
    """What a model said and when cannot be computed again: a new warehouse file takes it from the published pieces."""
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
"""What the site says of itself, as the warehouse was last built with it."""

PUBLISHED_PREFIX = "published."

NOT_OF_DBT = (
    Model("features", ("readings_1h",), "hour", reach_hours=168, builder="python", is_published=False),
    Model("predictions", ("features",), "hour", builder="python", window_column="issued_at", is_said=True),
    Model(
        "predictions_superseded",
        ("predictions",),
        "hour",
        builder="python",
        window_column="issued_at",
        is_said=True,
        written_with="predictions",
    ),
    Model("supervised_scores", ("features",), "hour", builder="python", is_said=True),
    Model(
        "supervised_superseded",
        ("supervised_scores",),
        "hour",
        builder="python",
        is_said=True,
        written_with="supervised_scores",
    ),
    Model("anomalies", ("readings_1h",), "hour", reach_hours=35 * 24, builder="python"),
    *(Model(name, (), "whole", builder="catalog") for name in CATALOG_TABLES),
)
"""Tables that Python makes, parents first."""

SAID = tuple(model.name for model in NOT_OF_DBT if model.is_said)


def published(table: str) -> str:
    """Name in the state of the published copy of a table."""
    return PUBLISHED_PREFIX + table


def models(large_piece: Grain = "hour", lookback_slots: int = 0) -> dict[str, Model]:
    """Every model by name, parents before children.

    Args:
        large_piece: the site's `warehouse.large_piece`, for tables that are replaced by slot; others are published by
            day.
        lookback_slots: slots that rules of the catalog look back, beside the one that repeats may come from.
    """
    tables = (*(_model(name, table) for name, table in dbt_tables().items()), *NOT_OF_DBT)
    known = {model.name: looking_back(model, lookback_slots) for model in tables}
    for table in tables:
        if table.is_published:
            grain: Grain = {"slot": large_piece, "whole": "whole"}.get(table.grain, "day")
            name = published(table.name)
            known[name] = Model(name, (table.name,), grain, builder="publish", window_column=table.window_column)
    return known


def looking_back(model: Model, slots: int) -> Model:
    """The model with the reach that the catalog's rules give it. A reading looked back at may be a repeat itself."""
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
