"""Contracts that ship: by name, in their place among those of a site, and on the command line."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from sensor_platform.cli.main import cli
from sensor_platform.contracts.library.shipped import description_of, read_shipped, shipped_names, text_of_shipped
from sensor_platform.errors import WrongUse
from sensor_platform.site import load_site
from sensor_platform.versions.site_files import read_site_files


def site_folder(folder: Path, use: str, *own: str) -> Path:
    (folder / "contracts").mkdir(parents=True, exist_ok=True)
    (folder / "site.yaml").write_text(f"contracts: {{use: {use}}}\n")
    (folder / "contracts" / "own.yaml").write_text("---\n".join(own) or "name: own\ntopic: own/#\n")
    return folder


def test_they_come_after_the_files_of_the_site_and_before_the_default_contract(tmp_path: Path) -> None:
    own = ("name: a\ntopic: a/#\n", "name: b\ntopic: b/#\n")
    site = load_site(site_folder(tmp_path, "[esphome, zigbee2mqtt]", *own))
    shipped = [each.name for name in ("esphome", "zigbee2mqtt") for each in read_shipped(name)]
    assert [each.name for each in site.contracts] == ["a", "b", *shipped, "default"]


def test_a_name_that_does_not_ship_is_refused_with_the_one_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="did you mean 'zigbee2mqtt'") as caught:
        load_site(site_folder(tmp_path, "[zigbee2mqt]"))
    assert all(name in caught.value.hint for name in shipped_names())
    with pytest.raises(WrongUse):
        text_of_shipped("../../setup")


def test_a_running_process_sees_another_list_of_names(tmp_path: Path) -> None:
    before = read_site_files(site_folder(tmp_path, "[esphome]"))
    after = read_site_files(site_folder(tmp_path, "[zigbee2mqtt]"))
    assert before.digest != after.digest
    assert before.versions.site != after.versions.site


@pytest.mark.parametrize("name", shipped_names())
def test_a_file_says_what_it_takes_and_can_be_copied(name: str, tmp_path: Path) -> None:
    assert len(description_of(name)) > 20
    shown = CliRunner().invoke(cli, ["contract", "library", "show", name])
    assert shown.exit_code == 0
    folder = site_folder(tmp_path, "[]", shown.output)
    assert load_site(folder).contracts[0].name == read_shipped(name)[0].name


def test_the_list_names_each_with_its_topics() -> None:
    shown = CliRunner().invoke(cli, ["contract", "library"])
    assert shown.exit_code == 0
    for name in shipped_names():
        assert name in shown.output
        assert all(each.topic in shown.output for each in read_shipped(name))
