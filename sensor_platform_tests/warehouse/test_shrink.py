from datetime import datetime

from sensor_platform.home import Home
from sensor_platform.warehouse.build import build
from sensor_platform.warehouse.file.connection import open_warehouse
from sensor_platform.warehouse.file.shrink import shrink
from sensor_platform_tests.warehouse.landings import Landing, SiteStub, fingerprints, reading


def test_freed_space_is_returned_and_every_table_is_kept(
    landing: Landing, home: Home, site: SiteStub, noon: datetime
) -> None:
    landing.land([reading("d", "m", noon.replace(minute=minute), float(minute)) for minute in range(60)])
    assert build(home, site).is_ok
    before = fingerprints(home)
    with open_warehouse(home, site.warehouse) as connection:
        connection.execute("create table ballast as select random() as x from range(3_000_000)")
        connection.execute("create table after_it as select random() as x from range(10_000)")
    with open_warehouse(home, site.warehouse) as connection:
        connection.execute("drop table ballast")
    done = shrink(home, site, least_bytes=1 << 20)
    assert done.after < done.before / 2
    assert fingerprints(home) == before
    assert build(home, site).is_ok
    assert fingerprints(home) == before
    assert shrink(home, site).after == home.warehouse_file.stat().st_size, "nothing to do"


def test_little_free_space_is_left_alone(landing: Landing, home: Home, site: SiteStub, noon: datetime) -> None:
    assert shrink(home, site).before == 0, "no warehouse yet"
    landing.land([reading("d", "m", noon, 1.0)])
    assert build(home, site).is_ok
    inode = home.warehouse_file.stat().st_ino
    done = shrink(home, site)
    assert done.before == done.after
    assert home.warehouse_file.stat().st_ino == inode
