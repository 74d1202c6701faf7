import json
import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.predict.features.matrix import PanelSource, examples
from sensor_platform.predict.forecast import new_version
from sensor_platform.predict.forecast.forecaster_registry import forecasters, load_record
from sensor_platform.predict.forecast.model_card import ForecasterCard
from sensor_platform.predict.forecast.selection.learn import LearnedForecaster
from sensor_platform.predict.registry import version_files
from sensor_platform.predict.registry.champions import champion_at
from sensor_platform.predict.registry.version_files import OtherInputs, Unusable

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
HOSTILE = (
    "../../etc/passwd",
    "",
    "..",
    "/",
    "a/b",
    "x" * 10_000,
    "\0",
    "温度 🌡",
    "'; drop table",
    "A b",
    "a-b",
    "\ud800",
)


@dataclass(frozen=True)
class Made:
    card: ForecasterCard
    contents: dict[str, bytes]


@pytest.fixture(scope="module")
def season(seasonal_noise: PanelSource, of_season: LearnedForecaster) -> Made:
    return Made(*new_version.version("m", seasonal_noise, of_season, (1, 6, 24), 7, NOW))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def version(home: Home, season: Made) -> str:
    forecasters.save(home, season.card, season.contents)
    forecasters.promote(home, "m", season.card.version, NOW, "first")
    return season.card.version


def folder(home: Home, version: str) -> Path:
    return home.models / version_files.folder_name("m") / version


def test_a_promoted_model_predicts_the_same_bits_after_loading(
    home: Home, version: str, season: Made, of_season: LearnedForecaster, seasonal_noise: PanelSource
) -> None:
    model = forecasters.load_champion(home, "m")
    assert model is not None
    assert model.model_id == f"{version_files.folder_name('m')}/{version}"
    assert msgspec.structs.replace(model.card, files={}) == season.card
    rows = examples(seasonal_noise, (1, 6, 24), limit=3000)
    loaded, direct = model.forecaster.forecast(rows), of_season.forecaster.forecast(rows)
    for name, said in direct.by_candidate.items():
        np.testing.assert_array_equal(loaded.by_candidate[name], said)
    for name in ("lower", "upper", "width"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(direct, name))


def test_the_backtest_of_a_version_is_kept_with_it(home: Home, version: str, of_season: LearnedForecaster) -> None:
    record = load_record(home, "m", version)
    assert record is not None
    assert of_season.record is not None
    np.testing.assert_array_equal(record.actual, of_season.record.actual)
    assert set(record.by_candidate) == set(of_season.record.by_candidate)
    path = folder(home, version) / "backtest.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(Unusable, match="backtest"):
        load_record(home, "m", version)


def test_the_registry_holds_nothing_that_runs_code(home: Home, version: str) -> None:
    found = sorted(path.name for path in folder(home, version).iterdir())
    assert found == ["backtest.parquet", "card.json", "linear.json", "lower.txt", "median.txt", "upper.txt"]
    json.loads((folder(home, version) / "card.json").read_text())
    assert (folder(home, version) / "median.txt").read_text().startswith("tree\nversion=")


@pytest.mark.parametrize("file", ["lower.txt", "median.txt", "upper.txt", "linear.json", "card.json"])
@pytest.mark.parametrize("damage", ["one byte", "truncated", "missing"])
def test_a_changed_file_is_refused_with_a_hint(home: Home, version: str, file: str, damage: str) -> None:
    path = folder(home, version) / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(data if damage == "one byte" else data[:-1])
    with pytest.raises(CheckFailed) as caught:
        forecasters.load_champion(home, "m")
    assert file in caught.value.message
    assert "models " in caught.value.hint


def test_a_model_of_another_metric_or_other_features_is_refused(home: Home, season: Made) -> None:
    forecasters.save(home, season.card, season.contents)
    moved = home.models / version_files.folder_name("other")
    (home.models / version_files.folder_name("m")).rename(moved)
    with pytest.raises(Unusable, match="another model"):
        forecasters.load(home, "other", season.card.version)
    aged = msgspec.structs.replace(season.card, inputs_sha256="0" * 64)
    forecasters.save(home, aged, season.contents)
    with pytest.raises(OtherInputs, match="another feature schema"):
        forecasters.load(home, "m", season.card.version)


def test_the_champion_of_another_release_is_intact_and_stays_until_training_replaces_it(
    home: Home, version: str
) -> None:
    path = folder(home, version) / "card.json"
    card = json.loads(path.read_text())
    del card["origins"], card["rules"]
    card["horizons"] = [{"horizon_hours": 1, "mae_lightgbm": 0.2}]
    path.write_text(json.dumps(card))
    with pytest.raises(Unusable) as changed:
        forecasters.load_champion(home, "m")
    assert not isinstance(changed.value, OtherInputs), "it is not the card that was promoted"
    pointer = path.parents[1] / "champion.json"
    history = json.loads(pointer.read_text())
    history["reigns"][-1]["card_sha256"] = sha256(path.read_bytes()).hexdigest()
    pointer.write_text(json.dumps(history))
    with pytest.raises(OtherInputs, match="is of another release") as refused:
        forecasters.load_champion(home, "m")
    assert "train again" in refused.value.hint
    assert [period.version for period in forecasters.sound_periods(home, "m", NOW)] == [version]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"reigns": []}', b"\xff", b'{"version": "../../x"}'])
def test_a_damaged_pointer_is_refused_with_a_hint(home: Home, version: str, content: bytes) -> None:
    (home.models / version_files.folder_name("m") / "champion.json").write_bytes(content)
    with pytest.raises(Unusable, match=r"champion\.json"):
        forecasters.champion_periods(home, "m")


def test_a_pointer_cannot_name_a_path(home: Home, version: str) -> None:
    path = home.models / version_files.folder_name("m") / "champion.json"
    path.write_text(path.read_text().replace(version, "../../../etc"))
    with pytest.raises(Unusable, match="does not name a version"):
        forecasters.load_champion(home, "m")
    with pytest.raises(Unusable, match="not a version"):
        forecasters.load(home, "m", "../..")


def test_no_champion_is_none_not_an_error(home: Home) -> None:
    assert forecasters.load_champion(home, "m") is None
    assert forecasters.champion_card(home, "m") is None
    assert forecasters.versions(home, "m") == ()


def test_an_unfinished_version_is_not_listed_and_cannot_be_promoted(home: Home, version: str) -> None:
    later = "20270101T000000Z-" + "0" * 12
    (folder(home, later)).mkdir()
    (folder(home, later) / "lower.txt").write_text("tree")
    assert forecasters.versions(home, "m") == (version,)
    with pytest.raises(Unusable):
        forecasters.promote(home, "m", later, NOW, "")
    assert forecasters.champion_periods(home, "m")[-1].version == version


@pytest.mark.parametrize("metric", HOSTILE)
def test_a_hostile_metric_name_stays_inside_the_registry(home: Home, metric: str) -> None:
    name = version_files.folder_name(metric)
    assert set(name) <= set(string.ascii_lowercase + string.digits + "-")
    assert 12 < len(name) < 60
    forecasters.note_waiting(home, metric, NOW, "too short")
    assert [path.name for path in home.models.iterdir()] == [name]
    waited = forecasters.waiting(home, metric)
    assert waited is not None
    assert waited.reason == "too short"


@given(st.text(), st.text())
def test_two_metrics_never_share_a_folder(first: str, second: str) -> None:
    assert (version_files.folder_name(first) == version_files.folder_name(second)) == (first == second)


def test_a_hostile_metric_can_be_saved_and_loaded(home: Home, season: Made) -> None:
    metric = "../../TEMP '\" 🌡"
    forecasters.save(home, msgspec.structs.replace(season.card, metric=metric), season.contents)
    forecasters.promote(home, metric, season.card.version, NOW, "first")
    model = forecasters.load_champion(home, metric)
    assert model is not None
    assert model.card.metric == metric
    assert all(path.is_relative_to(home.models) for path in home.root.rglob("*") if path.is_file())


def test_a_younger_champion_never_takes_over_hours_issued_before_it(home: Home, version: str, season: Made) -> None:
    later = NOW + timedelta(days=1)
    second = f"{later:%Y%m%dT%H%M%SZ}-{'a' * 12}"
    forecasters.save(home, msgspec.structs.replace(season.card, version=second), season.contents)
    forecasters.promote(home, "m", second, later, "newer")
    periods = forecasters.champion_periods(home, "m")
    assert [each.version for each in periods] == [version, second]
    assert periods[0].serves_from == season.card.trained_to
    for issued_at, expected in (
        (season.card.trained_to - timedelta(days=400), version),
        (NOW, version),
        (later - timedelta(seconds=1), version),
        (later, second),
        (later + timedelta(days=400), second),
    ):
        assert champion_at(periods, issued_at).version == expected
    card = forecasters.champion_card(home, "m")
    assert card is not None
    assert card.version == second


def test_saving_and_promoting_leave_no_temporary_file(home: Home, version: str) -> None:
    assert not list(home.root.rglob("*.tmp"))
