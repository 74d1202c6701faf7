"""The live store's WAL: nobody who commits pays for a checkpoint, and it does not grow for ever."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sensor_platform.alert import store
from sensor_platform.kernel.sqlite import transaction
from sensor_platform.live.engine.checkpoints import checkpoint


def _write(connection: sqlite3.Connection, steps: range) -> None:
    for seq in steps:
        with transaction(connection):
            connection.execute("insert or replace into steps values (?, ?)", (seq, b"x" * 3_000))


def test_commits_leave_the_file_alone_and_the_wal_begins_anew_after_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    wal = path.with_name("live.sqlite-wal")
    with closing(store.connect(path)) as writer, closing(store.connect(path)) as other:
        _write(writer, range(3_000))
        before, size = path.stat().st_size, wal.stat().st_size
        assert size > 6_000_000, "three thousand commits, none of which stopped to tidy"
        checkpoint(other, most_pages=1_000)
        assert path.stat().st_size > before
        _write(writer, range(500))
        assert wal.stat().st_size == size, "it is written from its beginning again"
        assert checkpoint(other) < 2_000


def test_a_reader_who_takes_his_time_holds_up_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    with closing(store.connect(path)) as writer, closing(store.connect(path)) as other:
        _write(writer, range(100))
        other.execute("pragma busy_timeout = 50")
        with closing(store.connect(path)) as reader:
            reader.execute("begin")
            reader.execute("select count(*) from steps").fetchone()
            _write(writer, range(100, 200))
            checkpoint(other, most_pages=10)
            writer.execute("pragma busy_timeout = 0")
            _write(writer, range(200, 300))
        assert writer.execute("select count(*) from steps").fetchone() == (300,)
