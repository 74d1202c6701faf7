"""A change of the site's files is taken when it is whole and right, and never else."""

import os
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.landing.ledger import keep_grid, open_ledger
from sensor_platform.reload.site_watch import SiteWatch
from sensor_platform.versions.reports import ProcessReport, report_path
from sensor_platform_tests.reload.conftest import Place

CONTRACT = "name: press\ntopic: factory/#\n"
MORE = {
    "contracts/press.yaml": CONTRACT,
    "catalog/metrics.csv": "metric,unit,min,max\nt,C,0,60\n",
    "rules.yaml": "rules:\n  - {name: hot, kind: threshold, metric: t, above: 50}\n",
    "site.yaml": "name: second\n",
}
BROKEN: dict[str, tuple[str | bytes, str]] = {
    "contracts/press.yaml": ("name: press\ntopic: [\n", "press.yaml:"),
    "contracts/empty.yaml": ("", "empty.yaml:1: the file is empty"),
    "contracts/latin.yaml": (b"name: caf\xe9\n", "latin.yaml"),
    "contracts/key.yaml": ("name: a\ntopic: b\ntopics: c\n", "topics"),
    "catalog/metrics.csv": ("metric,max\nt,abc\n", "metrics.csv:2"),
    "catalog/devices.csv": (b"device_id\ncaf\xe9\n", "catalog"),
    "rules.yaml": ("rules:\n  - {name: hot}\n", "rules.yaml:2"),
    "site.yaml": ("start: 2026-02-31\n", "site.yaml"),
}


def report_of(place: Place, process: str = "lander") -> ProcessReport:
    return msgspec.json.decode(report_path(Home(place.home), process).read_bytes(), type=ProcessReport)


@pytest.mark.parametrize("name", MORE)
def test_a_change_is_in_force_after_two_looks_and_only_its_part_has_another_version(place: Place, name: str) -> None:
    watch = place.watch()
    before = watch.versions
    place.write(name, MORE[name])
    assert place.looks(watch, 3) == [False, True, False]
    assert watch.versions == before, "a process has a version in force once it says so"
    watch.applied()
    changed = [part for part in before.__struct_fields__ if getattr(before, part) != getattr(watch.versions, part)]
    assert changed == [name.partition("/")[0].removesuffix(".yaml")]
    assert report_of(place).versions == watch.versions


def test_a_file_that_grows_at_each_look_is_not_taken_until_it_rests(place: Place) -> None:
    watch = place.watch()
    for number in range(1, len(CONTRACT)):
        place.write("contracts/press.yaml", CONTRACT[:number])
        assert not place.look(watch)
        assert not watch.problem
    place.write("contracts/press.yaml", CONTRACT)
    assert place.looks(watch) == [False, True]


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_refused_with_its_place_and_the_older_stays(
    place: Place, after: Callable[[str, str | bytes], SiteWatch], name: str
) -> None:
    text, where = BROKEN[name]
    watch = after(name, text)
    assert watch.settings.site.name == "first"
    assert where in watch.problem
    assert str(place.site) in watch.problem
    assert report_of(place).problem == watch.problem
    assert report_of(place).hint


def test_a_mended_file_is_taken_and_the_problem_is_gone(
    place: Place, after: Callable[[str, str | bytes], SiteWatch]
) -> None:
    watch = after("site.yaml", "name: [\n")
    place.write("site.yaml", "name: second\n")
    assert place.looks(watch) == [False, True]
    assert (watch.problem, watch.settings.site.name) == ("", "second")


def test_a_mistake_that_was_taken_back_is_forgotten(
    place: Place, after: Callable[[str, str | bytes], SiteWatch]
) -> None:
    watch = after("site.yaml", "name: [\n")
    place.write("site.yaml", "name: first\n")
    assert not any(place.looks(watch))
    assert not watch.problem


@given(st.binary(max_size=200), st.sampled_from(sorted(BROKEN)))
def test_no_bytes_stop_a_process(tmp_path_factory: pytest.TempPathFactory, body: bytes, name: str) -> None:
    place = Place(tmp_path_factory.mktemp("any"))
    watch = place.watch()
    place.write(name, body)
    place.looks(watch)
    assert watch.settings.site.name == "first" or not watch.problem


def test_a_site_that_appears_is_taken_and_one_that_goes_away_stays(place: Place) -> None:
    environ = {"SENSOR_PLATFORM_HOME": str(place.home)}
    watch = SiteWatch("dagster", environ, clock=lambda: place.seconds)
    assert watch.settings.site_folder is None
    place.site.rename(place.home.parent / "other")
    place.home.mkdir(exist_ok=True)
    (place.home.parent / "other").rename(place.home / "site")
    assert place.looks(watch) == [False, True]
    assert watch.settings.site.name == "first"
    (place.home / "site" / "site.yaml").unlink()
    assert not any(place.looks(watch))
    assert watch.settings.site.name == "first"
    assert "site.yaml" in watch.problem


def test_a_process_starts_with_the_copy_that_was_accepted_while_the_files_are_wrong(place: Place) -> None:
    place.write("catalog/metrics.csv", "metric,unit\nt,C\n")
    place.watch()
    place.write("site.yaml", "name: [\n")
    watch = place.watch("dagster")
    assert watch.settings.site.name == "first"
    assert "site.yaml:" in watch.problem
    assert watch.settings.site.catalog is not None
    assert (watch.settings.site.catalog / "metrics.csv").read_text() == "metric,unit\nt,C\n"


def test_without_a_copy_wrong_files_refuse_the_start(place: Place) -> None:
    place.write("site.yaml", "name: [\n")
    with pytest.raises(WrongUse, match=r"site\.yaml:"):
        place.watch()


def test_a_process_with_wrong_files_takes_what_another_accepted(place: Place) -> None:
    late = place.watch("dagster")
    early = place.watch("lander")
    place.write("site.yaml", "name: second\n")
    assert place.looks(early) == [False, True]
    place.write("site.yaml", "name: [\n")
    assert place.looks(late) == [False, True]
    assert late.settings.site.name == "second"
    assert late.problem


def test_the_catalog_that_is_read_is_a_copy_that_no_editor_touches(place: Place) -> None:
    place.write("catalog/metrics.csv", "metric,unit\nt,C\n")
    watch = place.watch()
    catalog = watch.settings.site.catalog
    assert catalog is not None
    place.write("catalog/metrics.csv", "metric")
    assert (catalog / "metrics.csv").read_text() == "metric,unit\nt,C\n"


@pytest.mark.parametrize(
    ("process", "text", "key"),
    [
        ("lander", "slot_minutes: 5\n", "slot_minutes"),
        ("collector", "collect: {collector: other}\n", "collect.collector"),
        ("live", "live: {port: 1}\n", "live.port"),
        ("live", "live: {host: 127.0.0.2}\n", "live.host"),
    ],
)
def test_a_fixed_key_keeps_its_value_and_the_rest_of_the_file_is_taken(
    place: Place, process: str, text: str, key: str
) -> None:
    watch = place.watch(process)
    before = watch.settings.site
    place.write("site.yaml", f"name: second\n{text}")
    assert place.looks(watch) == [False, True]
    after = watch.settings.site
    assert after.name == "second"
    assert (after.slot_minutes, after.collect, after.live) == (before.slot_minutes, before.collect, before.live)
    (fixed,) = report_of(place, process).fixed
    assert fixed.key == key
    assert fixed.hint


def test_the_grid_of_the_home_stays_in_a_process_that_another_starts(place: Place) -> None:
    with open_ledger(Home(place.home)) as ledger:
        keep_grid(ledger, 10)
    place.write("site.yaml", "slot_minutes: 5\n")
    with pytest.raises(WrongUse, match="slot_minutes"):
        place.watch("collector")
    watch = place.watch("dagster", keeps_grid=True)
    assert watch.settings.site.slot_minutes == 10
    watch.report()
    assert [each.key for each in report_of(place, "dagster").fixed] == ["slot_minutes"]


def test_what_a_process_cannot_use_is_said_and_not_offered_again(place: Place) -> None:
    watch = place.watch("live")
    place.write("site.yaml", "name: second\n")
    assert place.looks(watch) == [False, True]
    watch.refuse(WrongUse("no such broker", "name one"))
    assert place.looks(watch, 3) == [False, False, False]
    assert report_of(place, "live").problem == "no such broker"


def test_a_process_that_ends_leaves_no_report(place: Place) -> None:
    watch = place.watch()
    watch.report()
    watch.end()
    assert not report_path(Home(place.home), "lander").exists()


def test_a_full_disk_changes_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = place.watch()
    place.write("site.yaml", "name: second\n")
    monkeypatch.setattr(os, "replace", _no_room)
    assert not any(place.looks(watch, 3))
    monkeypatch.undo()
    assert any(place.looks(watch, 3))


def _no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")
