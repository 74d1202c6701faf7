import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
import yaml

from sensor_platform.demo.demo_home import MARKER, SHIPPED_SITE, TAG, copy_site, demo_home, tag
from sensor_platform.demo.stragglers import stop_tagged, tagged
from sensor_platform.errors import Unreachable, WrongUse
from sensor_platform.home import Home
from sensor_platform.settings import environ_with
from sensor_platform.site import load_site


def test_a_new_or_empty_folder_becomes_a_marked_home(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "new" / "deep", tmp_path / "empty"):
        with demo_home(folder) as home:
            assert home.root == folder
            assert (folder / MARKER).read_text() == f"{os.getpid()}\n"


def test_an_earlier_demos_data_are_replaced(tmp_path: Path) -> None:
    with demo_home(tmp_path) as home:
        home.landing.mkdir()
        (home.landing / "old.parquet").write_bytes(b"old")
        (tmp_path / "link").symlink_to("/etc")
    with demo_home(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [MARKER]
    assert Path("/etc").is_dir()


def test_the_data_stay_when_a_demo_ends(tmp_path: Path) -> None:
    with demo_home(tmp_path) as home:
        (home.root / "kept").write_text("data")
    assert (tmp_path / "kept").read_text() == "data"


def test_a_folder_that_no_demo_made_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(WrongUse, match="not a demo's home"), demo_home(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_or_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    for place in (file, file / "below"):
        with pytest.raises(WrongUse), demo_home(place):
            pass
    assert file.read_text() == "x"


def test_a_home_in_which_a_demo_runs_is_not_taken_from_it(tmp_path: Path) -> None:
    with demo_home(tmp_path) as home:
        (home.root / "data").write_text("x")
        with pytest.raises(Unreachable, match=f"pid {os.getpid()}"), demo_home(tmp_path):
            pass
        assert (home.root / "data").exists()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_processes_of_a_demo_that_was_killed_are_stopped_by_the_next_one(tmp_path: Path) -> None:
    with demo_home(tmp_path):
        environ = environ_with({TAG: str(tmp_path)})
        left = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(60)"], env=environ, start_new_session=True
        )
    other = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)"], env=environ_with({TAG: f"{tmp_path}-other"})
    )
    try:
        _wait_for_environment(left.pid)
        with demo_home(tmp_path):
            assert left.wait(5) != 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def _wait_for_environment(pid: int) -> None:
    """Until exec has happened: before it, the child still shows the environment of this process."""
    end = time.monotonic() + 5
    while f"{TAG}=" not in Path(f"/proc/{pid}/environ").read_bytes().decode():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_a_process_that_ignores_sigterm_is_killed_and_we_are_not(tmp_path: Path) -> None:
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    variable = tag(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environ_with({TAG: str(tmp_path)}), stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert list(tagged(variable)) == [child.pid]
        stop_tagged(variable, patience_seconds=0.2)
        assert child.wait(5) == -9
    assert list(tagged(variable)) == []


def test_the_copied_site_has_its_first_day_and_everything_else_of_the_original(tmp_path: Path) -> None:
    site = load_site(copy_site(SHIPPED_SITE, Home(tmp_path), start=date(2026, 8, 25), protocol="5"))
    original = load_site(SHIPPED_SITE)
    assert site.start == date(2026, 8, 25)
    assert site.contracts == original.contracts
    assert site.collect == original.collect
    assert site.forecast == original.forecast
    assert site.catalog == tmp_path / "site" / "catalog"
    assert (tmp_path / "site" / "catalog" / "metrics.csv").read_bytes() == (
        SHIPPED_SITE / "catalog" / "metrics.csv"
    ).read_bytes()


def test_a_broker_of_3_1_1_is_written_into_the_copy_alone(tmp_path: Path) -> None:
    copy = copy_site(SHIPPED_SITE, Home(tmp_path), start=date(2026, 8, 25), protocol="3.1.1")
    assert load_site(copy).collect.protocol == "3.1.1"
    assert load_site(SHIPPED_SITE).collect.protocol == "5"


def test_an_empty_site_file_is_fine_and_a_missing_one_is_said(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (tmp_path / "home").mkdir()
    with pytest.raises(WrongUse, match=r"no site\.yaml"):
        copy_site(empty, Home(tmp_path / "home"), start=date(2026, 1, 1), protocol="5")
    (empty / "site.yaml").write_text("")
    (tmp_path / "home" / "site").rmdir()
    copy = copy_site(empty, Home(tmp_path / "home"), start=date(2026, 1, 1), protocol="3.1.1")
    assert yaml.safe_load((copy / "site.yaml").read_text()) == {
        "start": date(2026, 1, 1),
        "collect": {"protocol": "3.1.1"},
    }
