"""Published files that a reader has listed stay for as long as a query may take, whatever retention or requeue does."""

from pathlib import Path

from sensor_platform_tests.field.core.homes import DAY, HOUR, T0, land, requeue, seal, send, series
from sensor_platform_tests.field.core.needs import need
from sensor_platform_tests.field.core.rig import Contract, Home, ValueSource, publish
from sensor_platform_tests.field.core.tables import built, retain, site_with

SITE = site_with()
STRICT = Contract(name="c", topic="#", device=ValueSource(field=("device",)))
LOOSE = Contract(name="c", topic="#", device=ValueSource(field=("device", "id")))


def pieces(home: Home, table: str) -> dict[Path, int]:
    """What a reader lists: files with rows of a published table, with their size."""
    return {path: path.stat().st_size for path in home.published.glob(f"{table}/day=20*/*.parquet")}


def test_core_28_retention_leaves_a_reader_the_pieces_that_it_has_listed(home: Home) -> None:
    for seq, day in enumerate((0, 1, 59), 1):
        send(home, seq, series("d", T0 + day * DAY, 20), T0 + day * DAY + HOUR)
    built(home, SITE, is_published=True)
    listed = pieces(home, "readings_clean")
    need(len({path.parent for path in listed}) == 3, "three days are published")
    done = retain(home, SITE, T0 + 60 * DAY, is_confirmed=True)
    need(any(each.table == "readings_clean" for each in done.days), "readings of old days are trimmed")
    gone = [str(path.relative_to(home.published)) for path in listed if not path.exists()]
    assert not gone, f"a query that has listed them fails on {gone}"


def test_core_28_requeue_leaves_a_reader_the_quarantine_files_that_it_has_listed(home: Home) -> None:
    seal(home, 1, [{"id": "d", "ts": T0 / 1e6, "v": 1}])
    land(home, T0 + HOUR, (STRICT,))
    built(home, SITE, is_published=True)
    listed = pieces(home, "quarantine")
    need(len(listed) == 1, "the refused message is published")
    requeue(home, T0 + 2 * HOUR, LOOSE)
    publish(home, SITE)
    gone = [str(path.relative_to(home.published)) for path in listed if not path.exists()]
    assert not gone, f"a query that has listed them fails on {gone}"
