"""Model registry: `models/<name>/<version>/` with LightGBM text files and `card.json`, and the champion pointer.

A version is complete once its card is there, which is written last and holds the SHA-256 of every model file; the
pointer `champion.json` holds the SHA-256 of the card and is replaced by rename. Nothing here runs code on load.
Folder names come from a slug and a hash of the metric, never from the metric itself.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sensor_platform import durable
from sensor_platform.errors import CheckFailed
from sensor_platform.home import Home
from sensor_platform.predict import card as cards
from sensor_platform.predict import forecaster as forecasters
from sensor_platform.predict.card import Card
from sensor_platform.predict.forecaster import QUANTILES, Forecaster
from sensor_platform.predict.matrix import INPUT_HASH

_CARD = "card.json"
_CHAMPION = "champion.json"
_VERSION = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}")


class Champion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`champion.json`: which version is served, since when and why."""

    version: str
    card_sha256: str
    promoted_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded and verified version."""

    model_id: str
    """`<name>/<version>`; what prediction rows carry."""
    card: Card
    forecaster: Forecaster


def folder_name(metric: str) -> str:
    """Name of a metric's folder: readable where it can be, unique always, harmless whatever the metric is called."""
    slug = re.sub(r"[^a-z0-9]+", "-", metric.lower()).strip("-")[:32].strip("-") or "metric"
    return f"{slug}-{hashlib.sha256(metric.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def version_name(created_at: datetime, texts: dict[str, str]) -> str:
    """Name of a version: when it was made and what it holds."""
    digest = hashlib.sha256("".join(texts[name] for name in QUANTILES).encode()).hexdigest()
    return f"{created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest[:12]}"


def model_id(metric: str, version: str) -> str:
    """What prediction rows carry."""
    return f"{folder_name(metric)}/{version}"


def save(home: Home, card: Card, texts: dict[str, str]) -> Path:
    """Write a version durably, card last; saving the same version again changes nothing.

    Args:
        home: data folder.
        card: with the name of the version; `files` is filled in here.
        texts: LightGBM text models by quantile name.
    """
    folder = home.models / folder_name(card.metric) / _checked(card.version)
    files = {f"{name}.txt": texts[name].encode() for name in QUANTILES}
    for name, data in files.items():
        durable.write_file(folder / name, data)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    durable.write_file(folder / _CARD, cards.encode(msgspec.structs.replace(card, files=digests)))
    for parent in (folder.parent, home.models, home.root):
        durable.fsync_folder(parent)
    return folder


def promote(home: Home, metric: str, version: str, now: datetime, why: str) -> None:
    """Make `version` the champion of `metric`, atomically.

    Raises:
        CheckFailed: that version is missing or damaged.
    """
    load(home, metric, version)
    folder = home.models / folder_name(metric)
    digest = durable.sha256(folder / version / _CARD)
    pointer = Champion(version=version, card_sha256=digest, promoted_at=now, why=why)
    durable.write_file(folder / _CHAMPION, msgspec.json.encode(pointer) + b"\n")


def champion(home: Home, metric: str) -> Champion | None:
    """The champion pointer of `metric`, or None where none was promoted yet.

    Raises:
        CheckFailed: the pointer is damaged.
    """
    path = home.models / folder_name(metric) / _CHAMPION
    try:
        pointer = msgspec.json.decode(path.read_bytes(), type=Champion)
    except FileNotFoundError:
        return None
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise _damaged(path, str(error)) from error
    if not _VERSION.fullmatch(pointer.version):
        raise _damaged(path, "it names no version")
    return pointer


def champion_card(home: Home, metric: str) -> Card | None:
    """The verified card of the champion without its models: two small files read, no LightGBM."""
    pointer = champion(home, metric)
    return _card(home, metric, pointer.version, pointer.card_sha256) if pointer else None


def load_champion(home: Home, metric: str) -> Model | None:
    """The champion of `metric`, verified, or None.

    Raises:
        CheckFailed: pointer, card or a model file is not what was promoted.
    """
    pointer = champion(home, metric)
    return load(home, metric, pointer.version, pointer.card_sha256) if pointer else None


def load(home: Home, metric: str, version: str, card_sha256: str | None = None) -> Model:
    """One version, with every hash checked before LightGBM sees a byte.

    Raises:
        CheckFailed: something is missing, changed, of another metric, or made for other features.
    """
    card = _card(home, metric, version, card_sha256)
    folder = home.models / folder_name(metric) / version
    if card.inputs_sha256 != INPUT_HASH:
        raise CheckFailed(f"model {folder} was made for other features", "train again; the old version stays on disk")
    texts = {name: _verified(folder / f"{name}.txt", card.files.get(f"{name}.txt")).decode() for name in QUANTILES}
    try:
        loaded = forecasters.load(texts, {each.horizon_hours: each.scale for each in card.horizons})
    except ValueError as error:
        raise _damaged(folder, str(error)) from error
    return Model(model_id=model_id(metric, version), card=card, forecaster=loaded)


def versions(home: Home, metric: str) -> tuple[str, ...]:
    """Complete versions of `metric`, oldest first."""
    folder = home.models / folder_name(metric)
    return tuple(sorted(each.parent.name for each in folder.glob(f"*/{_CARD}") if _VERSION.fullmatch(each.parent.name)))


def _card(home: Home, metric: str, version: str, digest: str | None) -> Card:
    path = home.models / folder_name(metric) / _checked(version) / _CARD
    data = _verified(path, digest) if digest else _read(path)
    try:
        card = cards.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise _damaged(path, str(error)) from error
    if card.metric != metric or card.version != version:
        raise _damaged(path, "it is the card of another model")
    return card


def _checked(version: str) -> str:
    if not _VERSION.fullmatch(version):
        raise CheckFailed(f"{version!r} is no version", "versions are the folder names under models/<name>/")
    return version


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _damaged(path, error.strerror or "unreadable") from error


def _verified(path: Path, digest: str | None) -> bytes:
    data = _read(path)
    if digest is None or hashlib.sha256(data).hexdigest() != digest:
        raise _damaged(path, "its SHA-256 is not the recorded one")
    return data


def _damaged(path: Path, reason: str) -> CheckFailed:
    return CheckFailed(
        f"model file {path} cannot be trusted: {reason}",
        "restore it from a backup, or delete champion.json beside it and train again",
    )
