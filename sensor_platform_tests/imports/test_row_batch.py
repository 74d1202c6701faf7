"""The readings of one batch of rows."""

import polars as pl

from sensor_platform.imports.cells import cells_of
from sensor_platform.imports.row_batch import BatchReadings
from sensor_platform.imports.row_outcomes import Dictionaries, RowRejects
from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform.reading.plan import make_plan
from sensor_platform.reading.record_plan import RecordKind

FRAME = pl.DataFrame({"id": ["a", "b", "c"], "seq": ["7", "8", None], "site": ["n", None, "s"], "t": ["1", "2", "x"]})


def batch(names: Dictionaries) -> BatchReadings:
    columns = tuple(FRAME.columns)
    contract = Contract(name="c", topic="#", tags={"site": ValueSource(field=("site",))}, strings="number")
    plan = make_plan(contract, columns, RecordKind.SAMPLE)
    return BatchReadings(plan, columns, names, FRAME, FRAME["id"], pl.Series([10, 20, 30]), 100)


def test_readings_share_what_describes_their_row() -> None:
    names, base = Dictionaries(), RowRejects(FRAME, FRAME["id"])
    readings = batch(names)
    readings.keep(base)
    readings.add("t", cells_of(FRAME["t"], "number"))
    found = readings.result(base)
    assert found.readings.select("event_at", "position", "value", "message_id").rows() == [
        (10, 100, 1.0, "7"),
        (20, 101, 2.0, "8"),
    ]
    assert (sorted(names.devices.texts()), names.metrics.texts()) == (["a", "b", "c"], ["t"])
    assert '{"site":"n"}' in names.tags.texts()


def test_a_row_without_a_good_cell_is_refused_whole_and_another_cell_alone() -> None:
    names, base = Dictionaries(), RowRejects(FRAME, FRAME["id"])
    base.one(1, "no_time", "the row has no time")
    readings = batch(names)
    readings.keep(base)
    readings.add("t", cells_of(FRAME["t"], "number"))
    readings.refuse(pl.Series([True, True, False]), "unknown_field", "so", "x")
    found = readings.result(base)
    assert found.refused.select("row", "rule", "scope").rows() == [
        (0, "unknown_field", "reading"),
        (1, "no_time", "message"),
        (2, "not_a_number", "message"),
    ]
    counted = found.outcomes.sum()
    assert counted.select("received", "landed", "rejected_readings").rows() == [(3, 1, 1)]
