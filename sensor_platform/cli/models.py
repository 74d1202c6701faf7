"""`sensor-platform models`: what the registry holds, and which version is in charge."""

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sensor_platform.cli.model_names import Named
    from sensor_platform.home import Home
    from sensor_platform.predict.forecast.model_card import Card
    from sensor_platform.predict.registry.version_store import Reign
    from sensor_platform.predict.supervised.task_card import TaskCard


@click.group(
    epilog="\b\nExample:\n  sensor-platform models list\n  sensor-platform models rollback TEMP\n"
    "  sensor-platform models add reuse.txt --card reuse.json"
)
def models() -> None:
    """List, show, compare, promote and roll back the versions of models, or add one from elsewhere.

    NAME is a forecast metric or a supervised task; where one is called as the other, `task:NAME` is the task.
    """


@models.command("list")
def list_models() -> None:
    """Every version of every model, oldest first, and who was in charge why; a star marks the champion.

    A version that is not what was written is marked with `!`; the exit code is then 1.
    """
    from sensor_platform.cli.model_names import named, nameless
    from sensor_platform.errors import CheckFailed

    home, damaged = _home(), 0
    for each in named(home):
        damaged += _list_one(home, each)
    for folder in nameless(home):
        click.echo(f"{folder}\n ! no version of it has a readable card")
        damaged += 1
    if not any(home.models.glob("*/")):
        click.echo("no models yet: training begins once there is enough history, or labels", err=True)
    if damaged:
        raise CheckFailed(
            f"{damaged} of the above cannot be trusted",
            "restore it from a backup; a champion can be replaced by `sensor-platform models rollback NAME`",
        )


def _list_one(home: "Home", each: "Named") -> int:
    """Print a model; returns what of it is damaged."""
    from sensor_platform.errors import CheckFailed

    click.echo(each.shown)
    try:
        reigns = each.registry.reigns(home, each.key)
    except CheckFailed as error:
        click.echo(f" ! {error.message}")
        return 1 + sum(_list_version(home, each, version, ()) for version in each.registry.versions(home, each.key))
    damaged = sum(_list_version(home, each, version, reigns) for version in each.registry.versions(home, each.key))
    for reign in reigns:
        click.echo(f"     {reign.promoted_at:%Y-%m-%d %H:%M}Z {reign.version}: {reign.why}")
    return damaged


def _list_version(home: "Home", each: "Named", version: str, reigns: "tuple[Reign, ...]") -> int:
    """Print a version, whose files are checked if it is the champion; returns 1 if it is damaged."""
    from sensor_platform.errors import CheckFailed

    is_champion = bool(reigns) and version == reigns[-1].version
    mark = "*" if is_champion else " "
    try:
        if is_champion:
            each.registry.load(home, each.key, version, reigns[-1].card_sha256)
        said = _said(each.registry.card_of(home, each.key, version))
    except CheckFailed as error:
        click.echo(f"{mark}! {version}  {error.message}")
        return 1
    click.echo(f" {mark} {version}  {said}")
    return 0


def _said(card: "Card | TaskCard") -> str:
    from sensor_platform.predict.supervised.task_card import TaskCard

    if isinstance(card, TaskCard):
        learnt = f", {card.rows:,} hours of {card.devices} devices" if card.rows else ""
        return f"{card.kind}{learnt} ({card.origin})"
    return f"{card.examples:,} examples to {card.trained_to:%Y-%m-%d %H:%M}Z"


@models.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--card", required=True, type=click.Path(path_type=Path, dir_okay=False), help="JSON that describes it.")
def add(file: Path, card: Path) -> None:
    """Put a LightGBM text model from elsewhere in charge of a task.

    The card names the task, the kind, the SHA-256 of FILE, its features in order and its classes.

    \b
    Example:
        sensor-platform models add reuse.txt --card reuse.json
    """
    from sensor_platform.predict.supervised import external
    from sensor_platform.settings import load_settings

    settings = load_settings()
    tasks = {task.name: task for task in settings.site.supervised}
    made = external.add(settings.home, file, card, tasks, datetime.now(UTC))
    use = (
        "scores the table and answers the API" if made.task in tasks else "answers the API (no such task in site.yaml)"
    )
    click.echo(f"{made.task}: {made.version} {use}")


@models.command()
@click.argument("name")
@click.argument("version", required=False)
def show(name: str, version: str | None) -> None:
    """The card of a version (default: the champion) as JSON, with when it was in charge and why no longer."""
    import msgspec

    from sensor_platform.cli.model_names import find, version_of
    from sensor_platform.errors import Missing

    home = _home()
    each = find(home, name)
    reigns = each.registry.reigns(home, each.key)
    if version is None and not reigns:
        raise Missing(f"{name} has no champion", "`sensor-platform models list` shows its versions")
    chosen = reigns[-1].version if version is None else version_of(home, each, version)
    digest = next((reign.card_sha256 for reign in reversed(reigns) if reign.version == chosen), None)
    card = msgspec.to_builtins(each.registry.card_of(home, each.key, chosen, digest), str_keys=True)
    click.echo(json.dumps({**card, "in_charge": _in_charge(reigns, chosen)}, indent=2, ensure_ascii=False))


def _in_charge(reigns: "tuple[Reign, ...]", version: str) -> list[dict[str, str | None]]:
    return [
        {
            "from": reign.serves_from.isoformat(),
            "why": reign.why,
            "until": after.promoted_at.isoformat() if after else None,
            "why_until": after.why if after else None,
        }
        for reign, after in itertools.zip_longest(reigns, reigns[1:])
        if reign.version == version
    ]


@models.command()
@click.argument("name")
@click.argument("version")
def promote(name: str, version: str) -> None:
    """Put a version, named by the start of it, in charge of what is issued from now on."""
    from sensor_platform.cli.model_names import find, version_of

    home = _home()
    each = find(home, name)
    reign = each.registry.promote(
        home, each.key, version_of(home, each, version), datetime.now(UTC), "promoted by hand"
    )
    _echo_promoted(name, reign)


@models.command()
@click.argument("name")
def rollback(name: str) -> None:
    """Put the version that was in charge before the champion back."""
    from sensor_platform.cli.model_names import find
    from sensor_platform.errors import Missing
    from sensor_platform.predict.registry import forecasters, version_store

    home = _home()
    each = find(home, name)
    reigns = each.registry.reigns(home, each.key)
    before = version_store.before(reigns)
    if before is None:
        raise Missing(f"{name} has no earlier champion", "`sensor-platform models list` shows what there is")
    why, now = f"rolled back by hand from {reigns[-1].version}", datetime.now(UTC)
    if before.rules:
        _echo_promoted(name, forecasters.promote(home, each.key, before.version, now, why, before.rules))
    else:
        _echo_promoted(name, each.registry.promote(home, each.key, before.version, now, why))


@models.command()
@click.argument("name")
@click.argument("first")
@click.argument("second")
def diff(name: str, first: str, second: str) -> None:
    """What the cards of two versions say differently, as JSON lines: key, first, second."""
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


def _echo_promoted(name: str, reign: "Reign") -> None:
    click.echo(f"{name}: {reign.version} serves from {reign.serves_from:%Y-%m-%d %H:%M}Z")
