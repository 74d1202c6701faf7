"""Imports, requeued messages and restored files bring nothing back that was forgotten."""

import shutil
from pathlib import Path

from sensor_platform.home import Home
from sensor_platform.imports.import_files import ImportPlan, import_files
from sensor_platform.landing.forget.rule import ForgetRule
from sensor_platform.landing.forget.standing import standing_rules
from sensor_platform.landing.integrity.audit import audit
from sensor_platform.landing.integrity.rebuild_ledger import rebuild_ledger
from sensor_platform.landing.integrity.verify import verify
from sensor_platform.landing.lander_lock import changes_lock
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.landing.quarantine.reconcile import Reconciler
from sensor_platform.landing.quarantine.row_selection import RowSelection
from sensor_platform.reading.batch import TimeLimits
from sensor_platform.reading.contract import Contract, ValueSource
from sensor_platform.reading.decode import Decoder
from sensor_platform_tests.landing.forgets import forgotten, readings, traces
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment

NOW = T0 + HOUR
SLOT = 600_000_000
LIMITS = TimeLimits(0, 1 << 60)


def is_pending(home: Home) -> list[bool]:
    with open_ledger(home) as ledger:
        return [rule.pending for rule in standing_rules(ledger).rules]


def test_an_import_leaves_out_what_is_forgotten(home: Home, tmp_path: Path) -> None:
    seal_segment(home, 1, [Message(b'{"id": "x", "t": 1}')])
    land_all(home, now=NOW - 1)
    forgotten(home, ForgetRule(at=NOW, device="patient-1"), NOW)
    file = tmp_path / "a.csv"
    file.write_text("device_id,ts,t,h\npatient-1,2026-01-01,1,2\npump,2026-01-01,3,4\nz,2026-01-02,,\n")
    plan = ImportPlan(Contract(name="history", topic="#"), LIMITS, SLOT, most_refused=1.0)
    import_files(home, [file], plan, lambda: NOW + 1)
    assert set(readings(home)["device_id"]) == {"x", "pump"}
    found = audit(home)
    assert (found.difference, sum(hour.forgotten for hour in found.hours)) == (0, 1)
    assert is_pending(home) == [False]
    rebuild_ledger(home)
    assert set(readings(home)["device_id"]) == {"x", "pump"}
    assert traces(home, "patient-1") == []


def test_requeue_leaves_out_what_is_forgotten(home: Home) -> None:
    strict = [Contract(name="strict", topic="#", device=ValueSource(field=("nowhere",)))]
    seal_segment(home, 1, [Message(b'{"t": 1}', "ward/7"), Message(b'{"t": 2}', "ward/8")])
    land_all(home, strict, now=NOW - 1)
    forgotten(home, ForgetRule(at=NOW, device="seven"), NOW)
    names = {"ward/7": "seven", "ward/8": "eight"}
    decoder = Decoder(
        [Contract(name=name, topic=topic, device=ValueSource(constant=name)) for topic, name in names.items()], LIMITS
    )
    with changes_lock(home), open_ledger(home) as ledger:
        list(Reconciler(home, ledger, SLOT, lambda: NOW + 5).requeue(RowSelection(), decoder, "v"))
    assert readings(home).select("device_id", "value").rows() == [("eight", 2.0)]
    found = audit(home)
    assert (found.difference, sum(hour.forgotten for hour in found.hours)) == (0, 1)


def test_a_file_that_is_restored_makes_the_rules_pending(home: Home, tmp_path: Path) -> None:
    seal_segment(home, 1, [Message(b'{"id": "patient-1", "t": 1}'), Message(b'{"id": "x", "t": 1}')])
    land_all(home, now=NOW - 1)
    (path,) = home.landing.glob("*/*.parquet")
    shutil.copy(path, tmp_path / "backup")
    path.unlink()
    assert verify(home, NOW).damaged
    forgotten(home, ForgetRule(at=NOW, device="patient-1"), NOW)
    shutil.copy(tmp_path / "backup", path)
    assert verify(home, NOW).restored
    assert is_pending(home) == [True]
    forgotten(home, ForgetRule(at=NOW + 9, device="patient-1"), NOW + 9)
    assert readings(home)["device_id"].to_list() == ["x"]
    assert is_pending(home) == [False]
    assert audit(home).difference == 0
