"""`sensor-platform import telegraf.conf --to FOLDER`: convert Telegraf's mqtt_consumer to a site folder."""

import json
from pathlib import Path
from typing import Any

import click
import msgspec

from sensor_platform.errors import WrongUse


def import_telegraf(files: tuple[Path, ...], folder: Path | None, *, as_json: bool) -> None:
    """Write the site folder; print what must be set and what could not be converted.

    Raises:
        WrongUse: not one file, no folder, a folder that is not empty, or no such configuration.
    """
    import yaml

    from sensor_platform.contracts.contract_file import to_yaml
    from sensor_platform.contracts.telegraf.read_config import read_telegraf
    from sensor_platform.site import load_site

    if len(files) != 1 or folder is None:
        raise WrongUse("a Telegraf configuration is imported alone, to a new folder", "add --to my-site")
    if folder.exists() and any(folder.iterdir()):
        raise WrongUse(f"{folder} is not empty", "name a new folder; nothing is overwritten")
    try:
        found = read_telegraf(files[0].read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"{files[0]} cannot be read: {error}", "name a text file") from error
    (folder / "contracts").mkdir(parents=True, exist_ok=True)
    site: dict[str, Any] = {"name": "telegraf", "collect": {"subscriptions": found.subscriptions, **found.collect}}
    folder.joinpath("site.yaml").write_text(yaml.safe_dump(site, sort_keys=False), encoding="utf-8")
    for number, contract in enumerate(found.contracts, 1):
        path = folder / "contracts" / f"{number:02d}-{contract.name}.yaml"
        path.write_text(to_yaml(contract), encoding="utf-8")
    load_site(folder)
    if as_json:
        report = {"site": str(folder), **msgspec.to_builtins(found)}
        click.echo(json.dumps({**report, "contracts": [contract.name for contract in found.contracts]}))
        return
    click.echo(f"{folder}: {len(found.subscriptions)} subscriptions, {len(found.contracts)} contracts")
    for name, value in found.environment.items():
        click.echo(f"set {name}={value}")
    for one in found.unmapped:
        click.echo(f"not mapped: {one.setting}: {one.reason}")
