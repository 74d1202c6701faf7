"""The import contracts of setup.cfg name every room, so that a new room is in none of their gaps."""

import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {
    *(path.stem for path in (ROOT / "sensor_platform").glob("*.py") if path.stem != "__init__"),
    *(path.parent.name for path in (ROOT / "sensor_platform").glob("*/__init__.py")),
}
EXEMPT = {"dagster": {"orchestration", "definitions"}, "wal": {"wal"}}


@pytest.mark.parametrize("contract", EXEMPT)
def test_a_law_about_all_rooms_names_all_rooms(contract: str) -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    named = {line.removeprefix("sensor_platform.") for line in _lines(config, contract)}
    assert named == ROOMS - EXEMPT[contract]


def _lines(config: configparser.ConfigParser, contract: str) -> list[str]:
    return config[f"importlinter:contract:{contract}"]["source_modules"].split()
