"""`sensor-platform import FILES...`: import history from CSV and Parquet."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensor_platform.kernel.clock import MINUTE

if TYPE_CHECKING:
    from sensor_platform.reading.contract import Contract


@click.command("import")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--contract", type=click.Path(path_type=Path), help="YAML contract that describes the columns.")
@click.option("--device", metavar="COLUMN", help="Column with the device.")
@click.option("--device-id", metavar="ID", help="Device of all rows, if there is no such column.")
@click.option("--time", "time_column", metavar="COLUMN", help="Column with the time.")
@click.option("--time-format", metavar="FORMAT", help="auto, s, ms, us, ns or iso.")
@click.option("--timezone", metavar="ZONE", help="Zone of times without one, e.g. Europe/Berlin.")
@click.option(
    "--repeated-hour",
    type=click.Choice(["refuse", "first", "second"]),
    help="What local times are that clocks show twice in autumn.  [default: refuse]",
)
@click.option("--metric", metavar="COLUMN", help="Column with the metric's name, for files with one reading per row.")
@click.option("--value", metavar="COLUMN", help="Column with the value, together with --metric.")
@click.option("--unit", metavar="COLUMN", help="Column with the unit.")
@click.option("--tag", "tags", metavar="COLUMN", multiple=True, help="Column to store as a tag (repeatable).")
@click.option("--ignore", metavar="COLUMN", multiple=True, help="Column to ignore (repeatable).")
@click.option("--separator", metavar="CHARACTER", help="CSV separator.  [default: comma, tab in .tsv]")
@click.option(
    "--most-refused",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="Abort above this fraction of rejected rows.",
)
@click.option("--replace", "is_replacing", is_flag=True, help="Replace rows that came under another mapping.")
@click.option("--list", "is_listing", is_flag=True, help="List the imported files.")
@click.option(
    "--withdraw",
    metavar="ID",
    multiple=True,
    help="Take an import back: an id of --list, or an imported file (repeatable).",
)
@click.option("--dry-run", "is_dry", is_flag=True, help="Only print what --withdraw would take back.")
@click.option("--to", "site", type=click.Path(path_type=Path), help="New site folder, if the file is a telegraf.conf.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def import_files(
    files: tuple[Path, ...],
    most_refused: float,
    site: Path | None,
    as_json: bool,
    withdraw: tuple[str, ...],
    is_listing: bool,
    is_dry: bool,
    **options: Any,  # noqa: ANN401 - what click makes of the column options
) -> None:
    """Import CSV or Parquet history through landing, or a telegraf.conf as a site.

    A wide file has one column per metric, a long file the columns metric and value. Common column names are found
    automatically (device_id, sensor_id, id; timestamp, ts, time; metric, value, unit). Rows that cannot be read are
    quarantined. Importing the same file again adds nothing: it is recognised by its bytes. All files of one call are
    imported, or none; give files that cover the same time together.

    A file that was imported under another mapping (columns, time zone, device) is refused. With --replace its new rows
    take the place of the old ones in one commit. --withdraw takes an import back as if it had never been; the file
    can be imported again.

    The mqtt_consumer of a Telegraf configuration becomes a site folder; settings that cannot be converted are listed
    with the reason.

    \b
    Example:
        sensor-platform import history/*.csv
        sensor-platform import boiler.parquet --device-id boiler-1 --time t --timezone Europe/Berlin --json
        sensor-platform import boiler.csv --timezone Europe/Berlin --replace
        sensor-platform import --withdraw 3f9ac04e7d1b --dry-run
        sensor-platform import telegraf.conf --to my-site
    """
    if withdraw or is_listing:
        from sensor_platform.cli.imported_files import show_imports, withdraw_imports
        from sensor_platform.errors import WrongUse

        if files or (withdraw and is_listing):
            raise WrongUse(
                "--list and --withdraw take no files to import", "call `sensor-platform import FILES` on its own"
            )
        if is_listing:
            show_imports(as_json=as_json)
        else:
            withdraw_imports(withdraw, is_dry=is_dry, as_json=as_json)
        return
    if not files:
        raise click.UsageError("name CSV or Parquet files, or use --list or --withdraw")
    if files[0].suffix in {".conf", ".toml"}:
        from sensor_platform.cli.import_telegraf import import_telegraf

        import_telegraf(files, site, as_json=as_json)
        return
    _import_history(files, most_refused, as_json, options)


def _import_history(files: tuple[Path, ...], most_refused: float, as_json: bool, options: dict[str, Any]) -> None:
    import msgspec

    from sensor_platform.errors import Unreachable
    from sensor_platform.imports.import_files import ImportPlan, import_files
    from sensor_platform.kernel.clock import now_micros
    from sensor_platform.landing.open_lander import limits_of
    from sensor_platform.settings import load_settings

    settings = load_settings()
    site = settings.site
    limits = limits_of(site.landing, site.start)
    plan = ImportPlan(_mapping(options), limits, site.slot_minutes * MINUTE, options["separator"], most_refused)
    try:
        imported = import_files(
            settings.home,
            files,
            plan,
            now_micros,
            _say,
            is_replacing=options["is_replacing"],
            wait_seconds=site.warehouse.lock_wait_seconds,
        )
    except OSError as error:
        raise Unreachable(f"cannot import now: {error}", "check disk space and rights, then import again") from error
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(imported)))
        return
    for name in imported.known:
        click.echo(f"{name}: imported before, passed over")
    for name in imported.replaced:
        click.echo(f"{name}: replaces what was imported under another mapping")
    click.echo(
        f"{imported.files} files, {imported.rows} rows, {imported.readings} readings,"
        f" {imported.refused} rows quarantined"
    )
    for rule, count in sorted(imported.rules.items()):
        click.echo(f"  {rule}: {count}")


def _say(line: str) -> None:
    click.echo(line, err=True)


def _mapping(options: dict[str, Any]) -> "Contract":
    """Return the contract of --contract, or the default contract, changed by the column options.

    Raises:
        WrongUse: the options contradict each other.
    """
    import msgspec

    from sensor_platform.errors import WrongUse
    from sensor_platform.reading.contract import Contract
    from sensor_platform.site import read_contract

    found = read_contract(options["contract"]) if options["contract"] else Contract(name="import", topic="#")
    changes: dict[str, Any] = msgspec.to_builtins(found)
    for name in ("device", "metric", "value", "unit"):
        if options[name]:
            changes[name] = {"field": [options[name]]}
    if options["device_id"]:
        changes["device"] = {**changes["device"], "constant": options["device_id"]}
    time = {"field": [options["time_column"]] if options["time_column"] else None, "format": options["time_format"]}
    time |= {"timezone": options["timezone"], "repeated_hour": options["repeated_hour"]}
    changes["time"] = {**changes["time"], **{key: value for key, value in time.items() if value}}
    if options["metric"] or options["value"]:
        changes["layout"] = "long"
    changes["tags"] = {**changes["tags"], **{column: {"field": [column]} for column in options["tags"]}}
    changes["ignore"] = [*changes["ignore"], *options["ignore"]]
    try:
        return msgspec.convert(changes, Contract)
    except msgspec.ValidationError as error:
        raise WrongUse(
            f"the column options do not fit together: {error}", "see `sensor-platform import --help`"
        ) from error
