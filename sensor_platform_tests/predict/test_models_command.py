import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from sensor_platform.cli.models import models
from sensor_platform.errors import CheckFailed, ExitCode, Missing, Unreachable
from sensor_platform.home import Home
from sensor_platform.predict.features.matrix import PanelSource
from sensor_platform.predict.forecast import new_version
from sensor_platform.predict.forecast.forecaster_registry import forecasters
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster
from sensor_platform.predict.registry import version_files

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture
def versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seasonal_noise: PanelSource, of_season: LearnedForecaster
) -> tuple[str, str]:
    """Two versions of `m`, of which the second is the champion."""
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path))
    names = []
    for at, seed in ((NOW, 7), (LATER, 8)):
        card, contents = new_version.version("m", seasonal_noise, of_season, (1, 6, 24), seed, at)
        card = msgspec.structs.replace(card, version=version_files.version_name(at, contents))
        forecasters.save(Home(tmp_path), card, contents)
        forecasters.promote(Home(tmp_path), "m", card.version, at, f"seed {seed}")
        names.append(card.version)
    return names[0], names[1]


def run(*words: str) -> str:
    done = CliRunner().invoke(models, list(words), catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_list_marks_the_champion_and_tells_every_reason(versions: tuple[str, str]) -> None:
    said = run("list")
    assert f"* {versions[1]}" in said
    assert f"* {versions[0]}" not in said
    assert "seed 7" in said
    assert "seed 8" in said


def test_rollback_puts_the_version_before_back_and_promote_undoes_it(versions: tuple[str, str], tmp_path: Path) -> None:
    assert versions[0] in run("rollback", "m")
    assert [each.version for each in forecasters.champion_periods(Home(tmp_path), "m")] == [*versions, versions[0]]
    assert versions[1] in run("promote", "m", versions[1])
    assert forecasters.champion_periods(Home(tmp_path), "m")[-1].why == "promoted by hand"


def test_show_is_the_card_and_diff_names_what_differs(versions: tuple[str, str]) -> None:
    card = json.loads(run("show", "m"))
    assert card["version"] == versions[1]
    assert len(card["inputs_sha256"]) == 64
    keys = {json.loads(line)["key"] for line in run("diff", "m", *versions).splitlines()}
    assert {"seed", "version", "created_at"} <= keys
    assert "inputs" not in keys


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (("show", "other"), "there is no model 'other'", "there is m"),
        (("rollback", "other"), "there is no model 'other'", "there is m"),
        (("promote", "m", "../.."), "m has no version '../..'", "the newest are 20260601"),
        (("promote", "m", "2026"), "m has several versions that begin with '2026'", "20260602"),
        (("promote", "m", ""), "m has no version ''", "the newest are"),
        (("diff", "m", "20260601", "2027"), "m has no version '2027'", "the newest are"),
    ],
)
def test_what_is_not_there_is_wrong_use_with_a_hint(
    versions: tuple[str, str], words: tuple[str, ...], said: str, hint: str
) -> None:
    with pytest.raises(Missing) as caught:
        CliRunner().invoke(models, list(words), catch_exceptions=False)
    assert said in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code == ExitCode.WRONG_USE


def test_a_version_is_named_by_its_start_and_show_tells_when_it_was_in_charge(versions: tuple[str, str]) -> None:
    run("rollback", "m")
    shown = json.loads(run("show", "m", "20260602"))
    assert shown["version"] == versions[1]
    (period,) = shown["in_charge"]
    assert period["why"] == "seed 8"
    assert period["why_until"] == f"rolled back by hand from {versions[1]}"
    assert [each["until"] is None for each in json.loads(run("show", "m"))["in_charge"]] == [False, True]


@pytest.mark.parametrize("file", ["median.txt", "card.json", "champion.json"])
def test_the_list_goes_on_over_what_is_damaged_marks_it_and_fails(
    versions: tuple[str, str], tmp_path: Path, file: str
) -> None:
    folder = tmp_path / "models" / version_files.folder_name("m")
    path = folder / file if file == "champion.json" else folder / versions[1] / file
    path.write_bytes(path.read_bytes()[:-3])
    done = CliRunner().invoke(models, ["list"])
    assert isinstance(done.exception, CheckFailed)
    assert "1 of the above" in done.exception.message
    assert done.stdout.count("! ") == 1
    assert versions[0] in done.stdout
    assert versions[1] in done.stdout
    if file != "champion.json":
        run("rollback", "m")
        assert f" * {versions[0]}" in CliRunner().invoke(models, ["list"]).stdout


def test_a_model_whose_only_card_is_unreadable_is_listed_all_the_same(
    versions: tuple[str, str], tmp_path: Path
) -> None:
    for version in versions:
        (tmp_path / "models" / version_files.folder_name("m") / version / "card.json").write_text("{")
    done = CliRunner().invoke(models, ["list"])
    assert isinstance(done.exception, CheckFailed)
    assert version_files.folder_name("m") in done.stdout


def test_without_models_the_list_says_what_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSOR_PLATFORM_HOME", str(tmp_path))
    done = CliRunner().invoke(models, ["list"], catch_exceptions=False)
    assert (done.stdout, done.exit_code) == ("", 0)
    assert "no models yet" in done.stderr


def test_a_registry_that_cannot_be_written_is_said_in_one_line(versions: tuple[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "models" / version_files.folder_name("m")
    (folder / ".lock").unlink()
    (folder / ".lock").mkdir()
    with pytest.raises(Unreachable, match=r"cannot write .*champion\.json"):
        CliRunner().invoke(models, ["rollback", "m"], catch_exceptions=False)


def test_promotions_at_the_same_time_are_all_kept(versions: tuple[str, str], tmp_path: Path) -> None:
    """Each in a process of its own, as people and Dagster are; whoever reads meanwhile sees a whole pointer."""
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from sensor_platform.home import Home\n"
        "from sensor_platform.predict.forecast.forecaster_registry import forecasters\n"
        "for n in range(5): forecasters.promote(Home(Path(sys.argv[1])), 'm', sys.argv[2], datetime.now(UTC), f'{n}')"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), version]) for version in versions]
    while any(process.poll() is None for process in both):
        assert len(forecasters.champion_periods(Home(tmp_path), "m")) >= 2
    assert [process.returncode for process in both] == [0, 0]
    assert len(forecasters.champion_periods(Home(tmp_path), "m")) == 12
