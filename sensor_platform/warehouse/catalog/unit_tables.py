"""How the units that devices say become those of the catalog: learnt from the readings of a build, kept in a table.

Only pairs that can be converted are kept; a reading's unit that is neither the catalog's nor in the table is unknown.
"""

from typing import TYPE_CHECKING

from sensor_platform.reading.units import conversion
from sensor_platform.warehouse.dbt.source_view import VIEW

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TABLE = "unit_conversions"

_FOREIGN = f"""
    select distinct said.unit, metrics.unit
    from (select distinct metric, unit from {VIEW} where unit is not null and value is not null) as said
    join catalog_metrics as metrics using (metric)
    where said.unit <> metrics.unit
    except select unit, to_unit from {TABLE}
"""  # noqa: S608 - our own names


def learn_conversions(connection: "DuckDBPyConnection") -> None:
    """Note how the foreign units of the readings that are about to be built are converted.

    Reads nothing where the catalog names no unit. The source view and the catalog's tables must be those of the build.
    """
    if not connection.execute("select 1 from catalog_metrics where unit is not null limit 1").fetchall():
        return
    for unit, to in connection.execute(_FOREIGN).fetchall():
        found = conversion(unit, to)
        if found is not None:
            connection.execute(f"insert into {TABLE} values (?, ?, ?, ?)", [unit, to, found.gain, found.offset])  # noqa: S608
