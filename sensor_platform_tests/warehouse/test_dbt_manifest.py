"""The parsed dbt project is read back, and parsed again exactly when it may have changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dbt.contracts.graph.manifest import Manifest

from sensor_platform.warehouse.dbt import dbt_manifest
from sensor_platform.warehouse.dbt.dbt_manifest import parsed_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: p\n")
    (tmp_path / "models" / "one.sql").write_text("select 1")
    return tmp_path


@pytest.fixture
def parses(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Ask for the manifest as a new process would; returns how often it has been parsed until now."""
    calls = 0

    def parse() -> Any:
        nonlocal calls
        calls += 1
        return Manifest()

    def ask(settings: str = "slot_minutes: 10") -> int:
        monkeypatch.setattr(dbt_manifest, "_kept", {})
        assert isinstance(parsed_project(project, settings, parse), Manifest)
        return calls

    return ask


def test_another_process_reads_what_was_parsed(parses: Callable[..., int]) -> None:
    assert [parses(), parses(), parses()] == [1, 1, 1]


@pytest.mark.parametrize("name", ["models/one.sql", "models/two.yml", "macros/m.sql", "tests/t.sql", "dbt_project.yml"])
def test_a_changed_or_new_file_is_parsed_again(project: Path, parses: Callable[..., int], name: str) -> None:
    parses()
    (project / name).parent.mkdir(exist_ok=True)
    (project / name).write_text("select 2")
    assert parses() == 2
    assert parses() == 2


def test_a_file_that_changes_places_is_parsed_again(project: Path, parses: Callable[..., int]) -> None:
    parses()
    (project / "models" / "one.sql").rename(project / "models" / "other.sql")
    assert parses() == 2


def test_other_settings_and_other_versions_are_parsed_again(
    parses: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    parses()
    assert parses("slot_minutes: 60") == 2
    assert parses("slot_minutes: 10") == 2, "each has a file of its own"
    monkeypatch.setattr(dbt_manifest, "version", lambda _: "0.0")
    assert parses() == 3


@pytest.mark.parametrize("damage", [b"", b"x" * 40, b"\xff"])
def test_a_damaged_file_is_parsed_again_and_replaced(project: Path, parses: Callable[..., int], damage: bytes) -> None:
    parses()
    (kept,) = (project / "target").iterdir()
    kept.write_bytes(kept.read_bytes()[:32] + damage)
    assert parses() == 2
    assert parses() == 2


def test_a_folder_that_cannot_be_written_costs_the_time_only(project: Path, parses: Callable[..., int]) -> None:
    (project / "target").write_text("in the way")
    assert [parses(), parses()] == [1, 2]
