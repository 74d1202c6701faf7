"""A Telegraf configuration as a site folder."""

import json
from pathlib import Path

import pytest

from sensor_platform.cli.import_telegraf import import_telegraf
from sensor_platform.errors import WrongUse
from sensor_platform.site import load_site

CONF = """
[[inputs.mqtt_consumer]]
  servers = ["tcp://broker:1883"]
  topics = ["plant/+/press"]
  data_format = "json"
  username = "me"
"""


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "telegraf.conf"
    path.write_text(CONF)
    return path


def test_the_site_can_be_loaded_and_what_to_set_is_said(
    conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import_telegraf((conf,), tmp_path / "site", as_json=False)
    site = load_site(tmp_path / "site")
    assert [each.topic if hasattr(each, "topic") else each for each in site.collect.subscriptions] == ["plant/+/press"]
    assert "1 subscriptions, 1 contracts" in capsys.readouterr().out


def test_the_same_is_said_as_json(conf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import_telegraf((conf,), tmp_path / "site", as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["site"] == str(tmp_path / "site")
    assert len(said["contracts"]) == 1


def test_nothing_is_overwritten_and_one_file_is_imported_alone(conf: Path, tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="is not empty"):
        import_telegraf((conf,), tmp_path, as_json=False)
    for files, folder in (((conf, conf), tmp_path / "site"), ((conf,), None)):
        with pytest.raises(WrongUse, match="imported alone"):
            import_telegraf(files, folder, as_json=False)
    with pytest.raises(WrongUse, match="cannot be read"):
        import_telegraf((tmp_path / "missing.conf",), tmp_path / "site", as_json=False)
