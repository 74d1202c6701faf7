"""Landing again as one step that a crash cannot halve."""

import msgspec
from msgspec import structs

from sensor_platform.home import Home
from sensor_platform.landing.integrity.reland_intent import (
    RelandIntent,
    carry_out,
    drop_intent,
    finish_intents,
    intent_path,
    write_manifests,
)
from sensor_platform.landing.ledger import Manifest, open_ledger
from sensor_platform.landing.ledger.manifest import manifest_path, read_manifest
from sensor_platform_tests.landing.homes import HOUR, T0, Message, land_all, seal_segment


def again(home: Home) -> RelandIntent:
    """A segment that is landed again with another contract version."""
    seal_segment(home, 1, [Message(b'{"id":"a","t":1}')])
    (old,) = land_all(home)
    new = structs.replace(old, contract_version="v2", written_at=T0 + 2 * HOUR)
    return RelandIntent(name="step", written_at=new.written_at, old=(old,), new=(new,))


def known(home: Home, manifest: Manifest) -> tuple[str, str]:
    """Contract version by the ledger and by the manifest."""
    with open_ledger(home) as ledger:
        (version,) = ledger.execute("select contract_version from segments").fetchone()
    return version, read_manifest(manifest_path(home, manifest.segment)).contract_version


def write_down(home: Home, step: RelandIntent) -> None:
    """As a process does that is killed before it does it."""
    path = intent_path(home, step.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(step))


def test_a_step_is_carried_out_and_a_second_time_changes_nothing(home: Home) -> None:
    step = again(home)
    with open_ledger(home) as ledger:
        carry_out(home, ledger, step)
        carry_out(home, ledger, step)
        assert finish_intents(home, ledger) == 0
        assert ledger.execute("select max(position) from segments").fetchone() == (2,)
    assert known(home, step.new[0]) == ("v2", "v2")
    assert not intent_path(home, "step").exists()


def test_what_a_killed_process_had_written_down_is_finished(home: Home) -> None:
    step = again(home)
    write_down(home, step)
    with open_ledger(home) as ledger:
        assert finish_intents(home, ledger) == 1
    assert known(home, step.new[0]) == ("v2", "v2")
    assert not intent_path(home, "step").exists()


def test_before_the_ledger_is_made_again_the_manifests_follow_every_intent(home: Home) -> None:
    step = again(home)
    write_down(home, step)
    write_manifests(home)
    version, written = known(home, step.new[0])
    assert (version != "v2", written) == (True, "v2")
    drop_intent(intent_path(home, "step"))
    assert not intent_path(home, "step").exists()


def test_files_that_were_made_for_no_step_are_removed(home: Home) -> None:
    again(home)
    (file,) = home.landing.glob("*/*.parquet")
    unfinished = file.with_name(f"{file.stem}~5.parquet")
    unfinished.touch()
    with open_ledger(home) as ledger:
        assert finish_intents(home, ledger) == 0
    assert (file.exists(), unfinished.exists()) == (True, False)
