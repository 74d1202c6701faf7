"""What the raw archive can still do for a segment."""

import msgspec
import pytest

from sensor_platform.home import Home
from sensor_platform.landing.integrity.raw_copies import (
    ContractsInForce,
    has_dropped,
    put_back_reconciled,
    raw_file,
    segments_of,
)
from sensor_platform.landing.integrity.shared_files import segment_of
from sensor_platform.landing.ledger import open_ledger
from sensor_platform.landing.ledger.manifest import manifest_path, read_manifest
from sensor_platform_tests.landing.homes import T0, Message, land_all, seal_segment
from sensor_platform_tests.landing.pieces import decoder
from sensor_platform_tests.landing.requeues import drop

NAME = "col-1772366400000-00000001"


@pytest.mark.parametrize("stem", [NAME, f"{NAME}~1772366400000000"])
def test_the_segment_is_in_the_name_of_its_file(stem: str) -> None:
    assert segment_of(stem) == NAME


def test_the_segments_of_a_file_are_its_own_or_those_that_were_compacted(home: Home) -> None:
    with open_ledger(home) as ledger:
        assert segments_of(home, ledger, f"landing/2026-03-01/{NAME}.parquet") == (NAME,)
        assert segments_of(home, ledger, "landing/2026-03-01/compact-1.parquet") == (), "its manifest is gone"


def test_an_archived_segment_is_found_while_it_is_there(home: Home) -> None:
    seal_segment(home, 1, [Message(b'{"id":"a","t":1}')])
    land_all(home)
    with open_ledger(home) as ledger:
        found = raw_file(home, ledger, NAME)
        assert found is not None
        found.unlink()
        assert raw_file(home, ledger, NAME) is None
        assert raw_file(home, ledger, "other") is None


def test_a_segment_of_which_rows_were_dropped_stays_as_a_person_left_it(home: Home) -> None:
    seal_segment(home, 1, [Message(b"\x00")])
    (manifest,) = land_all(home)
    assert not has_dropped(manifest)
    drop(home)
    assert has_dropped(read_manifest(manifest_path(home, NAME)))


@pytest.mark.parametrize("is_same", [True, False])
def test_a_lost_file_of_a_settled_segment_is_put_back_where_the_very_bytes_come_out(home: Home, is_same: bool) -> None:
    seal_segment(home, 1, [Message(b'{"id":"a","t":1}'), Message(b"\x00")])
    (manifest,) = land_all(home)
    (entry,) = [entry for entry in manifest.files if entry.kind == "landing"]
    path = home.root / entry.file
    whole = path.read_bytes()
    path.unlink()
    lost = entry if is_same else msgspec.structs.replace(entry, sha256="0" * 64)
    drop(home)
    with open_ledger(home) as ledger:
        ledger.execute(
            "insert into damaged_files values (?, ?, 'landing', 1, 0, 'missing', '', ?)",
            (entry.file, NAME, msgspec.json.encode(lost).decode()),
        )
        contracts = ContractsInForce(decoder(), manifest.contract_version, 600_000_000)
        put_back_reconciled(home, ledger, [NAME], contracts, lambda: T0)
    assert (path.read_bytes() if path.exists() else None) == (whole if is_same else None)
    assert len(list(home.landing.glob("*/*"))) == is_same
