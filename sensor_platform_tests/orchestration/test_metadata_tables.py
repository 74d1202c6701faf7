"""Metadata tables that a person can read on Dagster's page."""

from sensor_platform.orchestration.metadata_tables import as_table


def test_sentences_come_last_in_lines_that_the_page_does_not_break_and_numbers_are_short() -> None:
    why = "persistence was better than every model in the newest three weeks of the record, by 4 %"
    table = as_table([{"metric": "TEMP", "why": why, "error": 0.5409123456, "rows": 1_234_567}])
    assert [column.name for column in table.schema.columns] == ["metric", "error", "rows", "why"]
    (record,) = table.records
    assert (record.data["error"], record.data["rows"]) == (0.5409, 1_234_567)
    lines = str(record.data["why"]).split(" ")
    assert all(len(line) <= 48 for line in lines)
    assert len(lines) == 2
    assert " ".join(lines).replace("\N{NO-BREAK SPACE}", " ") == why


def test_a_table_without_rows_has_no_columns() -> None:
    assert as_table([]).schema.columns == []
