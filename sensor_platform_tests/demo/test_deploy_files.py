"""The files for production: units start commands that exist, agree on port and folders, and spare runs."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sensor_platform.collect.brokers.local import free_port
from sensor_platform.collect.child_process import ChildCommand, ChildProcess
from sensor_platform.demo.demo_home import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
UNITS = sorted(DEPLOY.glob("systemd/*.service"))


class _CaseSensitive(configparser.RawConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit(path: Path) -> dict[str, str]:
    parser = _CaseSensitive(strict=True)
    parser.read(path)
    return dict(parser["Service"])


def workspace_port() -> int:
    (entry,) = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    return int(entry["grpc_server"]["port"])


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_a_command_that_is_installed_with_options_that_it_has(path: Path) -> None:
    argv = unit(path)["ExecStart"].split()
    program = Path(sys.executable).with_name(Path(argv[0]).name)
    assert program.is_file()
    words = [word for word in argv[1:] if re.fullmatch("[a-z-]+", word) and not word.startswith("-")]
    words = words[: 2 if program.name == "dagster" else 1]
    shown = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True).stdout
    for option in (word for word in argv if word.startswith("--")):
        assert option in shown


def test_the_code_server_listens_where_the_workspace_looks() -> None:
    command = unit(DEPLOY / "systemd" / "sensor-platform-code.service")["ExecStart"]
    assert f"--host 127.0.0.1 --port {workspace_port()}" in command


def test_stopping_dagster_never_ends_a_run_and_a_wrong_configuration_is_not_started_again() -> None:
    assert len(UNITS) == 5
    for path in UNITS:
        settings = unit(path)
        assert settings["RestartPreventExitStatus"] == "2"
        assert settings["EnvironmentFile"] == "/etc/sensor-platform.env"
        if path.stem not in {"sensor-platform-collect", "sensor-platform-live"}:
            assert settings["KillMode"] == "process"
            assert "dagster.yaml" in settings["ExecStartPre"]


def test_the_collector_is_given_the_time_that_it_takes_to_land_the_rest() -> None:
    settings = unit(DEPLOY / "systemd" / "sensor-platform-collect.service")
    assert int(settings["TimeoutStopSec"]) > 120
    assert "KillMode" not in settings


def test_nothing_listens_beyond_this_machine() -> None:
    for path in UNITS:
        for host in re.findall(r"--host (\S+)", unit(path)["ExecStart"]):
            assert host == "127.0.0.1"


def shown_by(program: str, *words: str) -> str:
    path = Path(sys.executable).with_name(program)
    return subprocess.run([path, *words, "--help"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("service", ["collect", "live", "daemon", "web"])
def test_a_container_starts_a_command_that_is_installed_with_options_that_it_has(service: str) -> None:
    command = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"][service]["command"]
    argv = command.split("exec ")[-1].rstrip('"').split()
    assert argv[0] in {"sensor-platform", "dagster-daemon", "dagster-webserver"}
    shown = shown_by(*(word for word in argv if re.fullmatch("[a-z-]+", word) and not word.startswith("-")))
    for option in (word for word in argv if word.startswith("--")):
        assert option in shown
    for file in (word for word in argv if word.endswith(".yaml")):
        assert (REPOSITORY / file).is_file()


def test_containers_share_the_data_and_open_no_port_to_others() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    for name, service in services.items():
        assert service["network_mode"] == "host"
        assert "ports" not in service
        assert "0.0.0.0" not in service["command"]
        assert name == "broker" or "data:/data" in service["volumes"]
    assert int(services["collect"]["stop_grace_period"].rstrip("s")) > 120


def test_the_image_is_installed_as_make_does_it() -> None:
    image, make = (DEPLOY / "Dockerfile").read_text(), (REPOSITORY / "Makefile").read_text()
    for line in ("--require-hashes -r requirements.lock", "--no-deps --no-build-isolation --editable ."):
        assert line in image
        assert line in make
    for copied in re.findall(r"^COPY (\S+) ", image, re.MULTILINE):
        assert (REPOSITORY / copied).exists()


@pytest.mark.soak
def test_the_workspace_finds_a_running_code_server(tmp_path: Path) -> None:
    port = free_port()
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text((DEPLOY / "workspace.yaml").read_text().replace(str(workspace_port()), str(port)))
    dagster = str(Path(sys.executable).with_name("dagster"))
    (tmp_path / "dagster").mkdir()
    environ = os.environ | {"SENSOR_PLATFORM_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path / "dagster")}
    argv = [dagster, "code-server", "start", "--host", "127.0.0.1", "--port", str(port)]
    argv += ["--module-name", "sensor_platform.definitions"]
    with ChildProcess(ChildCommand("code server", argv, tmp_path / "log", environ, REPOSITORY)) as server:
        for _ in range(60):
            server.require_running()
            listed = subprocess.run(
                [dagster, "schedule", "list", "-w", str(workspace)],
                capture_output=True, text=True, check=False, env=environ, cwd=tmp_path,
            )  # fmt: skip
            if listed.returncode == 0:
                break
    assert "Repository" in listed.stdout, listed.stderr
