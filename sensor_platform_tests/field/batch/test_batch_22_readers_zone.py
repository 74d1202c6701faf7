"""An analyst's question about the last three hours has one answer in every time zone of a laptop."""

from collections.abc import Sequence

from sensor_platform_tests.field.batch.rig import Place, documentation

ZONES = ("UTC", "America/New_York", "Asia/Tokyo")
MOMENTS = ("now()", "utc_now()")
"""What stands for the present in the published file; the second is completed by the change that adds it."""


def rows_of_three_hours(place: Place, moment: str) -> Sequence[int] | None:
    """Minutes of the last three hours as each laptop counts them; None where the file has no such function."""
    import duckdb

    counts = []
    file = str(place.home / "published" / "analytics.duckdb")
    for zone in ZONES:
        with duckdb.connect(file, read_only=True) as connection:
            connection.execute(f"set TimeZone = '{zone}'")  # as DuckDB does by itself from the laptop's clock
            try:
                found = connection.execute(
                    "select count(*) from readings_1m where device_id = 'room-1'"
                    f" and window_start > {moment} - interval 3 hours"
                ).fetchone()
            except duckdb.CatalogException:
                return None
            counts.append(found[0] if found else 0)
    return counts


def test_batch_22_some_moment_gives_the_same_minutes_in_every_zone(built: Place) -> None:
    answers = {moment: rows_of_three_hours(built, moment) for moment in MOMENTS}
    right = [moment for moment, counts in answers.items() if counts and all(90 < n <= 181 for n in counts)]
    assert right, f"about 180 minutes are right in {ZONES}: {answers}"


def test_batch_22_the_tables_page_warns_of_the_readers_zone(built: Place) -> None:
    counts = rows_of_three_hours(built, "now()")
    if counts and max(counts) - min(counts) < 3:
        return  # columns that carry their zone need no warning
    page = documentation("tables.md").lower()
    assert "now()" in page, "tables.md does not mention that now() is of the reader's zone"
    assert "timezone" in page or "utc_now" in page, "tables.md does not name what to compare with"


def test_batch_22_the_examples_do_not_depend_on_the_readers_zone(built: Place) -> None:
    counts = rows_of_three_hours(built, "now()")
    if counts and max(counts) - min(counts) < 3:
        return
    examples = [line for line in documentation("predictions.md").splitlines() if "current_date" in line]
    assert not examples, f"current_date is the reader's day, the columns are of UTC: {examples}"
