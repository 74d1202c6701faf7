"""Conversions from the units that devices send to those of the catalog, in the table `unit_conversions`.

Only pairs that can be converted are in the table; any other foreign unit of a reading is unknown.
"""

from typing import TYPE_CHECKING

from sensor_platform.reading.units import conversion
from sensor_platform.warehouse.dbt.source_view import VIEW

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLE = "unit_conversions"

_FOREIGN = f"""
    select distinct sent.unit, metrics.unit
    from (select distinct metric, unit from {VIEW} where unit is not null and value is not null) as sent
    join catalog_metrics as metrics using (metric)
    where sent.unit <> metrics.unit
    except select unit, to_unit from {TABLE}
"""  # noqa: S608 - our own names


def learn_conversions(connection: "DuckDBPyConnection") -> None:
    """Add the conversions of the foreign units among the readings that are about to be built.

    Reads nothing if the catalog names no unit. The source view and the catalog's tables must be those of the build.
    """
    if not connection.execute("select 1 from catalog_metrics where unit is not null limit 1").fetchall():
        return
    for unit, to in connection.execute(_FOREIGN).fetchall():
        found = conversion(unit, to)
        if found is not None:
            connection.execute(f"insert into {TABLE} values (?, ?, ?, ?)", [unit, to, found.gain, found.offset])  # noqa: S608
