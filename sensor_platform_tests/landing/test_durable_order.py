"""A power cut keeps what was fsynced: files, then their folders, then the ledger's commit; the WAL goes last."""

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sensor_platform.home import Home
from sensor_platform.kernel.temporary_files import temporary_path
from sensor_platform_tests.landing.homes import land_all, mixed_messages, seal_segment


class Trace:
    """The durable steps of this process, in order: (what, path)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[tuple[str, str]] = []
        fsync, replace, unlink, connect = os.fsync, os.replace, os.unlink, sqlite3.connect
        trace = self

        def fsynced(fd: int) -> None:
            trace.steps.append(("fsync", str(Path(f"/proc/self/fd/{fd}").readlink())))
            fsync(fd)

        def replaced(source: Any, target: Any) -> None:
            trace.steps.append(("replace", f"{source}>{target}"))
            replace(source, target)

        def unlinked(path: Any, **kwargs: Any) -> None:
            trace.steps.append(("unlink", str(path)))
            unlink(path, **kwargs)

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
                if sql == "commit":
                    trace.steps.append(("commit", ""))
                return super().execute(sql, *args)

        monkeypatch.setattr(os, "fsync", fsynced)
        monkeypatch.setattr(os, "replace", replaced)
        monkeypatch.setattr(os, "unlink", unlinked)
        monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **(k | {"factory": Connection})))

    def at(self, what: str, path: str) -> int:
        return self.steps.index((what, path))


def test_everything_is_on_disk_before_the_commit_and_the_wal_goes_after_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_all(home)  # the ledger exists already, so that the only commit below is the segment's
    sealed = seal_segment(home, 1, mixed_messages(1))
    trace = Trace(monkeypatch)
    (manifest,) = land_all(home)
    commit = trace.at("commit", "")
    assert [what for what, _ in trace.steps].count("commit") == 1
    made = [str(home.root / entry.file) for entry in manifest.files]
    made.append(str(home.ledger / "segments" / f"{manifest.segment}.json"))
    assert len(made) == 4
    for path in made:
        temporary = str(temporary_path(Path(path)))
        written, named = trace.at("fsync", temporary), trace.at("replace", f"{temporary}>{path}")
        folder = trace.steps.index(("fsync", str(Path(path).parent)), named)
        assert written < named < folder < commit
    assert commit < trace.at("unlink", str(sealed)) < len(trace.steps) - 1
    assert trace.steps[-1] == ("fsync", str(home.wal))


def test_the_ledger_waits_for_the_disk_at_every_commit(home: Home) -> None:
    from sensor_platform.landing.ledger import open_ledger

    with open_ledger(home) as ledger:
        assert ledger.execute("pragma synchronous").fetchone() == (2,)
        assert ledger.execute("pragma journal_mode").fetchone() == ("wal",)
