"""Contracts are checked when they are read, and known by a version."""

from pathlib import Path

import pytest

from sensor_platform.errors import WrongUse
from sensor_platform.reading.contract import DEFAULT_CONTRACT, Contract, TimeSource, ValueSource, contract_version
from sensor_platform.site import load_site


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": ""}, "name"),
        ({"topic": "a#"}, "stand alone"),
        ({"unknown_fields": "ignore"}, "needs `metrics`"),
        ({"unknown_fields": "quarantine"}, "needs `metrics`"),
        ({"layout": "long", "required_metrics": ("a",)}, "required_metrics"),
        ({"layout": "long", "metric": ValueSource()}, "metric"),
        ({"layout": "long", "value": ValueSource(constant="3")}, "value"),
        ({"metrics": ("a",), "required_metrics": ("a", "b")}, "'b' is not among"),
        ({"samples": ""}, "samples"),
    ],
)
def test_a_contract_that_cannot_work_is_refused_with_its_key(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Contract(**({"name": "x", "topic": "#"} | wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "+08:00", "-03:30"])
def test_a_time_zone_is_a_name_or_an_offset(zone: str) -> None:
    assert TimeSource(timezone=zone).timezone == zone


@pytest.mark.parametrize("zone", ["Mars/Olympus", "+8", "08:00", "../../etc/passwd", ""])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError):
        TimeSource(timezone=zone)


def test_a_wrong_contract_file_is_named_with_line_and_key(tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "site.yaml").write_text("")
    file = tmp_path / "contracts" / "plant.yaml"
    file.write_text("name: plant\ntopic: plant/#\ntime:\n  timezone: Mars/Olympus\n")
    with pytest.raises(WrongUse, match=r"plant\.yaml:4: unknown time zone 'Mars/Olympus' \(key time\)") as caught:
        load_site(tmp_path)
    assert caught.value.hint


def test_the_version_changes_with_any_contract_and_with_their_order() -> None:
    one, other = Contract(name="a", topic="a/#"), Contract(name="b", topic="b/#")
    versions = {
        contract_version(contracts)
        for contracts in (
            (one, other),
            (other, one),
            (one,),
            (Contract(name="a", topic="a/#", ignore=("x",)), other),
            (Contract(name="a", topic="a/#", tags={"p": ValueSource(field=("plant",))}), other),
            (DEFAULT_CONTRACT,),
        )
    }
    assert len(versions) == 6
    assert contract_version((one, other)) == contract_version((Contract(name="a", topic="a/#"), other))
