"""The trial of `sensor-platform chaos`, whole and small, and that its tally sees what it is there to see."""

import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import duckdb
import msgspec
import pytest
from click.testing import CliRunner

from sensor_platform.cli.chaos import chaos
from sensor_platform.demo.chaos import Trial, new_folder, run_trial
from sensor_platform.demo.tally import Sent, take_tally
from sensor_platform.devices.faults import Faults
from sensor_platform.devices.pacing import ScheduledMessage
from sensor_platform.devices.simulated import Simulation
from sensor_platform.errors import WrongUse
from sensor_platform.home import Home

DEVICES, EACH = 4, 300
pytestmark = pytest.mark.mosquitto


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trial")
    said: list[str] = []
    trial = Trial(
        devices=Simulation(DEVICES, 400.0, DEVICES * EACH / 400.0, seed=2),
        faults=Faults(twice=0.05, late=0.05, garbage=0.01, late_seconds=1.0, seed=2),
        kills=2,
    )
    tally = run_trial(trial, root, said.append)
    assert tally.holds, tally
    assert tally.killed["collector"] >= 1
    assert [device.admitted for device in tally.devices] == [EACH] * DEVICES
    assert all(device.landed == device.in_table == EACH for device in tally.devices)
    assert sum(device.again for device in tally.devices) > 0
    assert sum(device.late for device in tally.devices) > 0
    assert tally.fates[1] == tally.garbage > 0
    assert any("kill -9" in line for line in said)
    return root / "home"


@pytest.fixture
def home(tried: Path, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(tried, tmp_path / "home")))


def everything() -> Sent:
    sent = Sent()
    messages = (
        ScheduledMessage(0.0, "t", msgspec.json.encode({"device_id": f"sim-{device + 1:05}", "seq": number + 1}))
        for number in range(EACH)
        for device in range(DEVICES)
    )
    assert len(list(sent.noted(messages))) == DEVICES * EACH
    return sent


def test_a_whole_trial_holds(home: Home) -> None:
    assert take_tally(home, everything(), {}).holds


def test_a_lost_file_is_seen(home: Home) -> None:
    with closing(sqlite3.connect(home.ledger_file)) as ledger, ledger:
        ledger.execute(
            "update files set replaced_at = 1 where file = (select min(file) from files where kind = 'landing')"
        )
    tally = take_tally(home, everything(), {})
    assert tally.missing > 0
    assert tally.missing == sum(len(device.lost) for device in tally.devices)
    assert not tally.holds


def test_a_reading_that_the_table_lacks_or_has_twice_is_seen(home: Home) -> None:
    with duckdb.connect(str(home.warehouse_file)) as warehouse:
        warehouse.execute(
            "delete from readings_clean where device_id = 'sim-00001' and event_at ="
            " (select min(event_at) from readings_clean where device_id = 'sim-00001')"
        )
        warehouse.execute("insert into readings_clean from readings_clean where device_id = 'sim-00002'")
    first, second, *_ = take_tally(home, everything(), {}).devices
    assert (first.missing, first.lost, first.doubled) == (1, (), 0)
    assert (second.missing, second.doubled) == (0, EACH)


def test_a_message_nobody_received_is_seen(home: Home) -> None:
    sent = everything()
    sent.numbers["sim-00003"].add(EACH + 1)
    tally = take_tally(home, sent, {})
    assert [device.lost for device in tally.devices] == [(), (), (EACH + 1,), ()]
    assert not tally.holds


def test_garbage_without_a_fate_is_seen(home: Home) -> None:
    sent = everything()
    sent.garbage = 10_000
    assert not take_tally(home, sent, {}).holds


def test_what_was_sent_is_noted() -> None:
    sent = Sent()
    bodies = [("a", 1), ("a", 3), ("a", 2), ("b", 7), ("a", 3)]
    messages = [
        ScheduledMessage(0.0, "t", msgspec.json.encode({"device_id": device, "seq": number}))
        for device, number in bodies
    ]
    list(sent.noted([*messages, ScheduledMessage(0.0, "t", b"{"), ScheduledMessage(0.0, "t", b"[]")]))
    assert sent.numbers == {"a": {1, 2, 3}, "b": {7}}
    assert +sent.again == Counter({"a": 1})
    assert +sent.late == Counter({"a": 1})
    assert sent.garbage == 2


def test_a_folder_with_something_in_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(WrongUse), new_folder(tmp_path):
        pass


def test_the_embedded_broker_is_no_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    trial = Trial(Simulation(1, 10.0, 1.0), Faults(), kills=0)
    with pytest.raises(WrongUse, match="mosquitto is not on PATH"):
        run_trial(trial, tmp_path, print)


def test_the_command(tmp_path: Path) -> None:
    arguments = ["--messages", "100", "--rate", "500", "--kills", "0", "--devices", "2", "--json"]
    done = CliRunner().invoke(chaos, [*arguments, "--keep", str(tmp_path / "kept")], standalone_mode=False)
    assert done.exception is None, done.output
    assert done.return_value == 0
    report = json.loads(done.stdout.strip().splitlines()[-1])
    assert (report["holds"], report["missing"], report["doubled"]) == (True, 0, 0)
    assert [device["admitted"] for device in report["devices"]] == [50, 50]
    assert (tmp_path / "kept" / "home").is_dir()
