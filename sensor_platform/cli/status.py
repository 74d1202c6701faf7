"""`sensor-platform status`: state of processes, progress and backlog."""

import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sensor_platform.orchestration.checks.ages import Age
    from sensor_platform.reload.site_watch import SiteWatch
    from sensor_platform.settings import Settings
    from sensor_platform.versions.reports import ProcessReport

_RUNS = 5
_ALIVE_SECONDS = 5.0
_PARTS = ("contracts", "catalog", "rules", "site")


@click.command(epilog="\b\nExample:\n  sensor-platform status\n  sensor-platform status --format json | jq .versions")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Output format.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def status(form: str, as_json: bool) -> int:
    """Show collector, ledger, backlog, newest data per layer, the last runs, the quarantine and the site in force.

    Ends with 1 if a running process has older site files in force than the disk, or a key that it does not change.
    """
    from sensor_platform.errors import ExitCode
    from sensor_platform.reload.site_watch import SiteWatch
    from sensor_platform.versions.reports import read_reports

    watch = SiteWatch("", keeps_grid=True)
    settings = with_running_collector(watch.settings, read_reports(watch.settings.home, time.time()))
    found = collect_status(settings, datetime.now(UTC)) | _site(watch)
    if as_json or form == "json":
        click.echo(json.dumps(found))
    else:
        _show(found)
    return ExitCode.CHECK_FAILED if found["faults"] else ExitCode.OK


def with_running_collector(settings: "Settings", reports: "Iterable[ProcessReport]") -> "Settings":
    """The settings with the name under which the collector runs, which it does not change."""
    from msgspec.structs import replace

    names = [fixed.in_force for each in reports for fixed in each.fixed if fixed.key == "collect.collector"]
    if not names:
        return settings
    collect = replace(settings.site.collect, collector=names[0])
    return replace(settings, site=replace(settings.site, collect=collect))


def _site(watch: "SiteWatch") -> dict[str, Any]:
    """Versions of the site's files on the disk and in each running process, and what is wrong with them."""
    import msgspec

    from sensor_platform.versions.reports import Fault, site_state

    state = site_state(watch.settings.home, watch.settings.site_folder)
    faults = list(state.faults)
    if watch.problem and not faults:
        faults.append(Fault(process="disk", message=f"the site's files are wrong: {watch.problem}", hint=watch.hint))
    if not state.processes:
        faults += [Fault(process="disk", message=str(fixed), hint=fixed.hint) for fixed in watch.fixed]
    return {
        "versions": state.versions,
        "processes": [msgspec.to_builtins(each) for each in state.processes],
        "faults": [msgspec.to_builtins(each) for each in faults],
    }


def collect_status(settings: "Settings", now: datetime) -> dict[str, Any]:
    """Collect the status as JSON; times are ISO 8601 in UTC. Opens no DuckDB file, so it never waits for a writer."""
    from sensor_platform.orchestration.checks.ages import ages

    layers = ages(settings.home, settings.site, now)
    return {
        "at": now.isoformat(),
        "home": str(settings.home.root),
        "collector": _collector(settings, now),
        **_ledger(settings),
        "quarantine": _quarantine(settings),
        "dirty": _dirty(settings),
        "retention": _retention(settings, now),
        "layers": {age.layer: _layer(age, settings) for age in layers},
        "runs": _runs(settings),
    }


def _layer(age: "Age", settings: "Settings") -> dict[str, Any]:
    """A layer that is up to date without any row is neither fresh nor late."""
    if age.layer == "predictions" and age.newest_event_at is not None and not _is_published(settings, age.layer):
        return {"newest_event_at": None, "age_minutes": None, "verdict": "none"}
    return {
        "newest_event_at": age.newest_event_at.isoformat() if age.newest_event_at else None,
        "age_minutes": round(age.minutes, 1) if age.minutes is not None else None,
        "verdict": age.verdict.value,
        "devices": age.devices,
        "fresh_devices": age.fresh_devices[0],
        "clocks_ahead": {name: round(minutes, 1) for name, minutes in age.ahead},
    }


def _is_published(settings: "Settings", table: str) -> bool:
    """Whether any published file has a row; the newest files are read first."""
    import polars as pl

    pieces = sorted((settings.home.published / table).glob("day=*/*.parquet"), reverse=True)
    return any(pl.scan_parquet(path).select(pl.len()).collect().item() for path in pieces)


def _collector(settings: "Settings", now: datetime) -> dict[str, Any] | None:
    import msgspec

    from sensor_platform.collect.collector_status import read_status

    found = read_status(settings.home.wal, settings.site.collect.collector)
    if found is None:
        return None
    is_alive = found.state != "stopped" and abs(now.timestamp() - found.updated_at) < _ALIVE_SECONDS
    return {"is_alive": is_alive, **msgspec.to_builtins(found)}


def _ledger(settings: "Settings") -> dict[str, Any]:
    from sensor_platform.landing.ledger import newest_position, read_ledger, totals

    waiting = sorted(settings.home.wal.glob("*.wal"))
    backlog = {"segments": len(waiting), "bytes": sum(path.stat().st_size for path in waiting if path.exists())}
    with read_ledger(settings.home) as ledger:
        if ledger is None:
            return {"ledger": None, "backlog": backlog}
        position, sums = newest_position(ledger), totals(ledger)
    return {
        "ledger": {
            "position": position,
            "messages": sums.messages,
            "landed": sums.landed,
            "quarantined": sums.quarantined,
            "duplicate": sums.duplicate,
            "forgotten": sums.forgotten,
            "readings": sums.readings,
        },
        "backlog": backlog,
    }


def _quarantine(settings: "Settings") -> dict[str, int]:
    from sensor_platform.landing.quarantine.listing import waiting

    messages, readings = waiting(settings.home)
    return {"messages": messages, "readings": readings}


def _dirty(settings: "Settings") -> dict[str, Any]:
    from sensor_platform.warehouse.dirty import dirty_days

    days = dirty_days(settings.home, settings.site)
    return {
        "windows": sum(one.windows for one in days),
        "readings": sum(one.readings for one in days),
        "days": [one.day.isoformat() for one in days],
    }


def _retention(settings: "Settings", now: datetime) -> dict[str, Any]:
    """The landing floor, readings that came too late for it, and steps that wait for a person."""
    from dataclasses import asdict

    from sensor_platform.kernel.clock import to_micros, utc_from_micros
    from sensor_platform.landing.ledger import landing_floor, late_frozen_rows, read_ledger
    from sensor_platform.landing.long_steps import long_steps

    with read_ledger(settings.home) as ledger:
        floor = None if ledger is None else landing_floor(ledger)
        late = 0 if ledger is None else late_frozen_rows(ledger)
    waiting = long_steps(settings.home, settings.site.retention.landing_days, to_micros(now))
    return {
        "landing_floor": None if floor is None else utc_from_micros(floor).date().isoformat(),
        "late_frozen": late,
        "waiting": [
            asdict(each) | {"at": each.at.isoformat(), "due": each.due.isoformat(), "days": each.days}
            for each in waiting
        ],
    }


def _runs(settings: "Settings") -> list[dict[str, Any]]:
    import msgspec

    from sensor_platform.orchestration.storage.instance import last_runs

    return [msgspec.to_builtins(line) for line in last_runs(settings.home, _RUNS)]


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(_sentences(found), highlight=False, markup=False)
    layers = Table("layer", "newest event (UTC)", "age", "", title="Data", title_justify="left")
    for name, layer in found["layers"].items():
        age = "-" if layer["age_minutes"] is None else f"{layer['age_minutes']:.0f} min"
        layers.add_row(name, (layer["newest_event_at"] or "-")[:19], age, _verdict(layer))
    runs = Table("job", "days", "status", "lane", "started (UTC)", title="Last runs", title_justify="left")
    for run in found["runs"]:
        days = " to ".join(dict.fromkeys(day for day in (run["first_day"], run["last_day"]) if day))
        runs.add_row(run["job"], days, run["status"], run["lane"] or "", (run["started_at"] or "-")[:19])
    site = Table("process", *_PARTS, title="Site in force", title_justify="left")
    for name, versions in found["versions"].items():
        site.add_row(name, *(versions[part] for part in _PARTS))
    console.print(layers, runs, site)
    for text in _faults(found["faults"]):
        console.print(text, style="red", highlight=False, markup=False)


def _faults(faults: list[dict[str, str]]) -> list[str]:
    """One text for each fault; processes that have the same one are named together."""
    names: dict[tuple[str, str], list[str]] = {}
    for fault in faults:
        what = fault["message"].removeprefix(f"{fault['process']}: ")
        names.setdefault((what, fault["hint"]), []).append(fault["process"])
    return [f"{', '.join(some)}: {what}\nhint: {hint}" for (what, hint), some in names.items()]


def _sentences(found: dict[str, Any]) -> str:
    collector, ledger, dirty = found["collector"], found["ledger"], found["dirty"]
    if collector is None:
        first = "collector: never ran in this home"
    else:
        state = collector["state"] if collector["is_alive"] else "not running"
        first = (
            f"collector: {state}, {collector['counters']['messages']} messages since {_time(collector['started_at'])}"
        )
    position = f"position {ledger['position']}, {ledger['readings']} readings" if ledger else "nothing landed yet"
    days = f" on {len(dirty['days'])} days ({dirty['days'][0]} to {dirty['days'][-1]})" if dirty["days"] else ""
    return "\n".join(
        [
            first,
            f"ledger: {position}; {found['backlog']['segments']} segments wait to be landed",
            f"dirty: {dirty['windows']} windows{days}",
            "quarantine: {messages} messages, {readings} single readings".format(**found["quarantine"]),
            *_retention_sentences(found["retention"]),
        ]
    )


def _verdict(layer: dict[str, Any]) -> str:
    """The verdict, and what is behind it where the age alone does not say it."""
    from sensor_platform.landing.device_freshness import names

    text = str(layer["verdict"])
    if layer.get("devices") and layer["fresh_devices"] < layer["devices"]:
        text += f", {layer['fresh_devices']} of {layer['devices']} devices"
    return text + (f"; clocks ahead: {names(list(layer['clocks_ahead'].items()))}" if layer.get("clocks_ahead") else "")


def _retention_sentences(retention: dict[str, Any]) -> Iterator[str]:
    if retention["late_frozen"]:
        yield f"retention: {retention['late_frozen']} readings came for days before the floor, and change no table"
    for each in retention["waiting"]:
        yield f"retention waits: {each['detail']}\nhint: {each['hint']}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
