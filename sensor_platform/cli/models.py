"""`sensor-platform models`: versions of models, and which of them is champion."""

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sensor_platform.cli.model_names import NamedModel
    from sensor_platform.home import Home
    from sensor_platform.predict.registry.champions import ChampionPeriod


@click.group(
    epilog="\b\nExample:\n  sensor-platform models list\n  sensor-platform models rollback TEMP\n"
    "  sensor-platform models add reuse.txt --card reuse.json"
)
def models() -> None:
    """List, show, compare, promote and roll back the versions of models, or add one from elsewhere.

    NAME is a forecast metric or a supervised task. If both have the same name, `task:NAME` is the task.
    """


@models.command("list")
def list_models() -> None:
    """List all versions, oldest first, with their time as champion and the reason; a star marks the champion.

    A version whose files have changed since they were written is marked with `!`; the exit code is then 1. A champion
    of another release, or of other features, is marked with `?`: it is intact, and the next training replaces it.
    """
    from sensor_platform.cli.model_names import is_of_another_release, named, nameless
    from sensor_platform.errors import CheckFailed

    home, damaged = _home(), 0
    for each in named(home):
        damaged += _list_one(home, each)
    for folder in nameless(home):
        if is_of_another_release(home, folder):
            click.echo(f"{folder}\n ? its cards are of another release; the next training replaces the champion")
            continue
        click.echo(f"{folder}\n ! no version of it has a readable card")
        damaged += 1
    if not any(home.models.glob("*/")):
        click.echo("no models yet: training begins once there is enough history, or labels", err=True)
    if damaged:
        raise CheckFailed(
            f"{damaged} of the above cannot be trusted",
            "restore it from a backup; a champion can be replaced by `sensor-platform models rollback NAME`",
        )


def _list_one(home: "Home", each: "NamedModel") -> int:
    """Print a model; returns the number of damaged versions."""
    from sensor_platform.errors import CheckFailed

    click.echo(each.shown)
    try:
        periods = each.registry.champion_periods(home, each.key)
    except CheckFailed as error:
        click.echo(f" ! {error.message}")
        return 1 + sum(_list_version(home, each, version, ()) for version in each.registry.versions(home, each.key))
    damaged = sum(_list_version(home, each, version, periods) for version in each.registry.versions(home, each.key))
    for period in periods:
        click.echo(f"     {period.promoted_at:%Y-%m-%d %H:%M}Z {period.version}: {period.why}")
    return damaged


def _list_version(home: "Home", each: "NamedModel", version: str, periods: "tuple[ChampionPeriod[Any], ...]") -> int:
    """Print a version, whose files are checked if it is the champion; returns 1 if it is damaged."""
    from sensor_platform.errors import CheckFailed
    from sensor_platform.predict.registry.version_files import OtherInputs

    is_champion = bool(periods) and version == periods[-1].version
    mark = "*" if is_champion else " "
    try:
        if is_champion:
            each.registry.load(home, each.key, version, periods[-1].card_sha256)
        digest = next((period.card_sha256 for period in reversed(periods) if period.version == version), None)
        summary = each.registry.card_of(home, each.key, version, digest).summary()
    except OtherInputs as error:
        click.echo(f" {mark}? {version}  not in use: {error.message}; the next training replaces it")
        return 0
    except CheckFailed as error:
        click.echo(f"{mark}! {version}  {error.message}")
        return 1
    click.echo(f" {mark} {version}  {summary}")
    return 0


@models.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--card", required=True, type=click.Path(path_type=Path, dir_okay=False), help="JSON card of the model.")
def add(file: Path, card: Path) -> None:
    """Make an external LightGBM text model the champion of a task.

    The card names the task, the kind, the SHA-256 of FILE, its features in order and its classes.

    \b
    Example:
        sensor-platform models add reuse.txt --card reuse.json
    """
    from sensor_platform.predict.supervised import external
    from sensor_platform.settings import load_settings

    settings = load_settings()
    tasks = {task.name: task for task in settings.site.supervised}
    made = external.add_model(settings.home, file, card, tasks, datetime.now(UTC))
    use = (
        "scores the table and answers the API" if made.task in tasks else "answers the API (no such task in site.yaml)"
    )
    click.echo(f"{made.task}: {made.version} {use}")


@models.command()
@click.argument("name")
@click.argument("version", required=False)
def show(name: str, version: str | None) -> None:
    """Print the card of a version (default: the champion) as JSON, with its time as champion."""
    import msgspec

    from sensor_platform.cli.model_names import find, version_of
    from sensor_platform.errors import Missing

    home = _home()
    each = find(home, name)
    periods = each.registry.champion_periods(home, each.key)
    if version is None and not periods:
        raise Missing(f"there is no champion of {name}", "`sensor-platform models list` shows its versions")
    chosen = periods[-1].version if version is None else version_of(home, each, version)
    digest = next((period.card_sha256 for period in reversed(periods) if period.version == chosen), None)
    card = msgspec.to_builtins(each.registry.card_of(home, each.key, chosen, digest), str_keys=True)
    click.echo(json.dumps({**card, "in_charge": _in_charge(periods, chosen)}, indent=2, ensure_ascii=False))


def _in_charge(periods: "tuple[ChampionPeriod[Any], ...]", version: str) -> list[dict[str, str | None]]:
    return [
        {
            "from": period.serves_from.isoformat(),
            "why": period.why,
            "until": after.promoted_at.isoformat() if after else None,
            "why_until": after.why if after else None,
        }
        for period, after in itertools.zip_longest(periods, periods[1:])
        if period.version == version
    ]


@models.command()
@click.argument("name")
@click.argument("version")
def promote(name: str, version: str) -> None:
    """Make a version, given by the beginning of its name, the champion from now on."""
    from sensor_platform.cli.model_names import find, version_of

    home = _home()
    each = find(home, name)
    period = each.registry.promote(
        home, each.key, version_of(home, each, version), datetime.now(UTC), "promoted by hand"
    )
    _echo_promoted(name, period)


@models.command()
@click.argument("name")
def rollback(name: str) -> None:
    """Make the previous champion the champion again."""
    from sensor_platform.cli.model_names import find
    from sensor_platform.errors import Missing
    from sensor_platform.predict.registry.champions import earlier_champions

    home = _home()
    each = find(home, name)
    periods = each.registry.champion_periods(home, each.key)
    before = next(earlier_champions(periods), None)
    if before is None:
        raise Missing(f"there is no earlier champion of {name}", "`sensor-platform models list` shows what there is")
    why, now = f"rolled back by hand from {periods[-1].version}", datetime.now(UTC)
    _echo_promoted(name, each.registry.promote(home, each.key, before.version, now, why, before.rules))


@models.command()
@click.argument("name")
@click.argument("first")
@click.argument("second")
def diff(name: str, first: str, second: str) -> None:
    """Compare the cards of two versions, as JSON lines: key, first, second."""
    import msgspec

    from sensor_platform.cli.model_names import find, version_of

    home = _home()
    each = find(home, name)
    cards = [each.registry.card_of(home, each.key, version_of(home, each, version)) for version in (first, second)]
    one, other = (msgspec.to_builtins(card, str_keys=True) for card in cards)
    for key in one:
        if one[key] != other[key]:
            click.echo(json.dumps({"key": key, "first": one[key], "second": other[key]}, ensure_ascii=False))


def _home() -> "Home":
    from sensor_platform.settings import load_settings

    return load_settings().home


def _echo_promoted(name: str, period: "ChampionPeriod[Any]") -> None:
    click.echo(f"{name}: {period.version} serves from {period.serves_from:%Y-%m-%d %H:%M}Z")
