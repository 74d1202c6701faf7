from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from sensor_platform.home import Home
from sensor_platform.labels.label_store import add_label, new_label, remove_label
from sensor_platform.warehouse.published import labels_table

HOUR = 3_600_000_000
AT = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 1_000_000 + 5


def test_labels_are_published_when_they_change_and_not_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert not labels_table.publish_tables(home)
    add_label(home, new_label("a'b", "failure", AT, AT + HOUR, source="test", now=AT))
    assert labels_table.publish_tables(home)
    assert not labels_table.publish_tables(home)
    add_label(home, new_label("c", "failure", AT - HOUR, None, source="test", now=AT))
    assert labels_table.publish_tables(home)
    rows = pl.read_parquet(home.published / "labels" / "all.parquet")
    assert rows["device_id"].to_list() == ["c", "a'b"]
    assert not labels_table.publish_tables(home)
    remove_label(home, rows["label_id"][0], AT + HOUR)
    assert labels_table.publish_tables(home)
    assert pl.read_parquet(home.published / "labels" / "all.parquet")["device_id"].to_list() == ["a'b"]
    history = pl.read_parquet(home.published / "label_history" / "all.parquet")
    assert dict(zip(history["device_id"], history["superseded_at"], strict=True)) == {
        "c": datetime(2026, 3, 1, 1, 0, 0, 5),  # noqa: DTZ001
        "a'b": None,
    }
    assert rows["start_at"][1] == datetime(2026, 3, 1, 0, 0, 0, 5)  # noqa: DTZ001 - plain UTC, as in the tables
    assert not labels_table.publish_tables(home)
