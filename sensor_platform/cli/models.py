"""`sensor-platform models`: what the registry holds, and which version is in charge."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sensor_platform.home import Home
    from sensor_platform.predict.models.card import Card
    from sensor_platform.predict.models.store import Reign
    from sensor_platform.predict.supervised.card import TaskCard


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
    """Every version of every metric, oldest first; the champion is marked with a star."""
    from sensor_platform.predict.models import registry

    home = _home()
    for metric in registry.metrics(home):
        reigns = registry.reigns(home, metric)
        champion = reigns[-1].version if reigns else None
        click.echo(metric)
        for version in registry.versions(home, metric):
            mark = "*" if version == champion else " "
            card = registry.card_of(home, metric, version)
            click.echo(f" {mark} {version}  {card.examples:,} examples to {card.trained_to:%Y-%m-%d %H:%M}Z")
        for reign in reigns:
            _echo_reign(reign)
    _list_tasks(home)


def _list_tasks(home: "Home") -> None:
    from sensor_platform.predict.supervised import registry

    for task in registry.tasks(home):
        reigns = registry.reigns(home, task)
        click.echo(f"task:{task}")
        for version in registry.versions(home, task):
            mark = "*" if reigns and version == reigns[-1].version else " "
            card = registry.card_of(home, task, version)
            click.echo(f" {mark} {version}  {card.kind}, {card.rows:,} hours of {card.devices} devices ({card.origin})")
        for reign in reigns:
            _echo_reign(reign)


def _echo_reign(reign: "Reign") -> None:
    click.echo(f"     {reign.promoted_at:%Y-%m-%d %H:%M}Z {reign.version}: {reign.why}")


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
    from sensor_platform.predict.supervised import dropin
    from sensor_platform.settings import load_settings

    settings = load_settings()
    tasks = {task.name: task for task in settings.site.supervised}
    made = dropin.add(settings.home, file, card, tasks, datetime.now(UTC))
    use = (
        "scores the table and answers the API" if made.task in tasks else "answers the API (no such task in site.yaml)"
    )
    click.echo(f"{made.task}: {made.version} {use}")


@models.command()
@click.argument("metric")
@click.argument("version", required=False)
def show(metric: str, version: str | None) -> None:
    """The card of a version (default: the champion) as JSON."""
    import msgspec

    card = _card(_home(), metric, version)
    click.echo(msgspec.json.format(msgspec.json.encode(card), indent=2).decode())


@models.command()
@click.argument("metric")
@click.argument("version")
def promote(metric: str, version: str) -> None:
    """Put a version in charge of what is issued from now on."""
    reign = _promote(_home(), metric, version, "promoted by hand")
    click.echo(f"{metric}: {reign.version} serves from {reign.serves_from:%Y-%m-%d %H:%M}Z")


@models.command()
@click.argument("metric")
def rollback(metric: str) -> None:
    """Put the version that was in charge before the champion back."""
    from sensor_platform.errors import WrongUse
    from sensor_platform.predict.models import store

    home = _home()
    reigns = _reigns(home, metric)
    before = store.before(reigns)
    if before is None:
        raise WrongUse(f"{metric} has no earlier champion", "sensor-platform models list shows what there is")
    reign = _promote(home, metric, before.version, f"rolled back by hand from {reigns[-1].version}", before)
    click.echo(f"{metric}: {reign.version} serves from {reign.serves_from:%Y-%m-%d %H:%M}Z")


@models.command()
@click.argument("metric")
@click.argument("first")
@click.argument("second")
def diff(metric: str, first: str, second: str) -> None:
    """What the cards of two versions say differently, as JSON lines: key, first, second."""
    import msgspec

    home = _home()
    one, other = (msgspec.to_builtins(_card(home, metric, version), str_keys=True) for version in (first, second))
    for key in one:
        if one[key] != other[key]:
            click.echo(json.dumps({"key": key, "first": one[key], "second": other[key]}))


def _home() -> "Home":
    from sensor_platform.settings import load_settings

    return load_settings().home


def _task(home: "Home", name: str) -> str | None:
    """The task that a name means; None where it means a metric."""
    from sensor_platform.predict.models import registry as forecasters
    from sensor_platform.predict.supervised import registry

    if name.startswith("task:"):
        return name.removeprefix("task:")
    return name if name in registry.tasks(home) and name not in forecasters.metrics(home) else None


def _reigns(home: "Home", name: str) -> "tuple[Reign, ...]":
    from sensor_platform.predict.models import registry as forecasters
    from sensor_platform.predict.supervised import registry

    task = _task(home, name)
    return forecasters.reigns(home, name) if task is None else registry.reigns(home, task)


def _promote(home: "Home", name: str, version: str, why: str, as_before: "Reign | None" = None) -> "Reign":
    from sensor_platform.predict.models import registry as forecasters
    from sensor_platform.predict.supervised import registry

    task, now = _task(home, name), datetime.now(UTC)
    if task is not None:
        return registry.promote(home, task, version, now, why)
    return forecasters.promote(home, name, version, now, why, as_before.rules if as_before else ())


def _card(home: "Home", name: str, version: str | None) -> "Card | TaskCard":
    from sensor_platform.errors import WrongUse
    from sensor_platform.predict.models import registry as forecasters
    from sensor_platform.predict.supervised import registry

    task = _task(home, name)
    if version is not None:
        return forecasters.card_of(home, name, version) if task is None else registry.card_of(home, task, version)
    card = forecasters.champion_card(home, name) if task is None else registry.champion_card(home, task)
    if card is None:
        raise WrongUse(f"{name} has no champion", "sensor-platform models list shows what there is")
    return card
