"""What people and their files rely on by name: commands, settings, contracts, rules, HTTP, Dagster's names.

`python -m sensor_platform_tests.data.interface > sensor_platform_tests/data/interface.json` writes it anew: only where
a change of the interface is meant. Texts for people are not in it.
"""

import configparser
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
import yaml

from sensor_platform.errors import ExitCode
from sensor_platform.reading.encodings import ENCODINGS
from sensor_platform.settings import load_settings
from sensor_platform_tests.data import interface_files as files

if TYPE_CHECKING:
    from dagster import AssetKey

ROOT = Path(__file__).parents[2]
_TYPE_FACTS = ("choices", "min", "max", "min_open", "max_open", "exists", "file_okay", "dir_okay")


def commands() -> dict[str, Any]:
    """Every command with its parameters."""
    from sensor_platform.cli.main import cli

    return dict(_commands(cli, "sensor-platform"))


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, Any]]:
    yield name, [_parameter(each) for each in command.params]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for own in command.list_commands(context):
            child = command.get_command(context, own)
            assert child is not None
            yield from _commands(child, f"{name} {own}")


def _parameter(found: click.Parameter) -> dict[str, Any]:
    kind: Mapping[str, Any] = dict(found.type.to_info_dict())
    facts = {name: kind[name] for name in _TYPE_FACTS if kind.get(name) not in (None, False)}
    default = found.to_info_dict()["default"]
    return {
        "kind": found.param_type_name,
        "names": [*found.opts, *found.secondary_opts]
        if isinstance(found, click.Option)
        else [found.human_readable_name],
        "type": {"name": kind["name"], **facts},
        "default": default if isinstance(default, str | int | float | bool | list | tuple) else None,
        "required": found.required,
        "nargs": found.nargs,
        "multiple": found.multiple if isinstance(found, click.Option) else False,
        "flag": found.is_flag if isinstance(found, click.Option) else False,
    }


_GIVEN = {"SENSOR_PLATFORM_UPLINK_URL": "mqtt://up", "SENSOR_PLATFORM_KAFKA_USERNAME": "me"}


class _Recorder(Mapping[str, str]):
    """An environment that notes what was asked of it."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return _GIVEN.get(name, default)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return _GIVEN[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_GIVEN)

    def __len__(self) -> int:
        return 0


def environment() -> list[str]:
    """Variables that are read."""
    recorder = _Recorder()
    load_settings(recorder)
    return sorted(recorder.asked)


def dagster() -> dict[str, Any]:
    """Names and structure of Dagster's definitions, without checks."""
    from sensor_platform.definitions import defs

    graph, repository = defs.resolve_asset_graph(), defs.get_repository_def()
    return {
        "assets": {
            node.key.to_user_string(): {
                "parents": _names(node.parent_keys),
                "group": node.group_name,
                "partitions": str(node.partitions_def) if node.partitions_def else None,
                "pools": [] if not node.is_executable or node.is_virtual else sorted(node.pools or ()),
                "kinds": sorted(node.kinds or ()),
            }
            for node in sorted(graph.asset_nodes, key=lambda node: node.key)
        },
        "jobs": {
            job.name: {
                "assets": _names(job.asset_layer.selected_asset_keys or ()),
                "tags": {name: value for name, value in job.tags.items() if name.startswith("sensor_platform/")},
            }
            for job in sorted(repository.get_all_jobs(), key=lambda job: job.name)
            if not job.name.startswith("__")
        },
        "schedules": {
            each.name: {"job": each.job_name, "cron": each.cron_schedule, "timezone": each.execution_timezone}
            for each in sorted(repository.schedule_defs, key=lambda each: each.name)
        },
        "sensors": {
            each.name: {"jobs": sorted(target.job_name for target in each.targets), "type": each.sensor_type.value}
            for each in sorted(repository.sensor_defs, key=lambda each: each.name)
        },
        "resources": sorted(defs.resources or {}),
    }


def _names(found: Iterable["AssetKey"]) -> list[str]:
    return sorted(key.to_user_string() for key in found)


def http() -> dict[str, Any]:
    """Paths and methods of the live process, parameters of its API, names and types of its metrics."""
    from sensor_platform.cli.live import live_setup
    from sensor_platform.live.app import make_live

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient
    with tempfile.TemporaryDirectory() as folder:
        environ = {"SENSOR_PLATFORM_HOME": folder, "SENSOR_PLATFORM_BROKER_URL": "mqtt://127.0.0.1:1"}
        settings = load_settings(environ)
        gate: Any = make_live(live_setup(settings, settings.site.live)).web
        with TestClient(gate, base_url="http://127.0.0.1:8420") as client:
            document = client.get("/openapi.json").json()
            metrics = client.get("/metrics").text.splitlines()
        return {
            "routes": sorted(_route(route) for route in gate.app.routes),
            "api": {
                f"{method.upper()} {path}": sorted(
                    f"{each['name']} in {each['in']}{' required' if each.get('required') else ''}"
                    for each in [*found.get("parameters", ()), *methods.get("parameters", ())]
                )
                for path, methods in document["paths"].items()
                for method, found in methods.items()
                if method != "parameters"
            },
            "answers": {
                name: sorted(schema.get("properties", ())) for name, schema in document["components"]["schemas"].items()
            },
            "metrics": sorted(line.removeprefix("# TYPE ") for line in metrics if line.startswith("# TYPE sensor_")),
        }


def _route(route: Any) -> str:
    methods = sorted({*(getattr(route, "methods", None) or [type(route).__name__])} - {"HEAD"})
    return f"{route.path} {','.join(methods)}"


def import_paths() -> list[str]:
    """Where installed files, homes and units of systemd name a module of ours."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    scripts = setup["options.entry_points"]["console_scripts"].split()
    instance = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    classes = (instance["instance_class"], instance["run_launcher"])
    workspaces = [yaml.safe_load((ROOT / name).read_text()) for name in ("workspace.yaml", "deploy/workspace.yaml")]
    return sorted([scripts[-1], *(f"{each['module']}:{each['class']}" for each in classes), json.dumps(workspaces)])


SECTIONS: dict[str, Callable[[], Any]] = {
    "commands": commands,
    "exit_codes": lambda: {code.name: code.value for code in ExitCode},
    "environment": environment,
    "site.yaml": lambda: files.keys(files.SITE),
    "freshness": lambda: msgspec.to_builtins(load_settings({}).site.freshness),
    "contracts/*.yaml": lambda: files.keys(files.CONTRACT),
    "encodings": lambda: sorted(ENCODINGS),
    "rules.yaml": lambda: files.keys(files.RULES),
    "fleet.yaml": lambda: files.keys(files.FLEETS),
    "replay.yaml": lambda: files.keys(files.REPLAY),
    "card of a model": lambda: files.keys(files.CARD),
    "rules of the quarantine": lambda: sorted(files.QUARANTINE_RULES),
    "catalog": files.catalog_columns,
    "dagster": dagster,
    "http": http,
    "import paths": import_paths,
}


def main() -> None:
    """Print it as JSON; the settings of whoever runs it do not count."""
    for name in [name for name in os.environ if name.startswith("SENSOR_PLATFORM")]:
        del os.environ[name]
    json.dump({name: section() for name, section in SECTIONS.items()}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
