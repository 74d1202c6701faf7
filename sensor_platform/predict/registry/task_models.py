"""Registry of the tasks' models: folders in the form that `store` describes, beside the forecasters'."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sensor_platform.home import Home
from sensor_platform.predict.registry import version_store
from sensor_platform.predict.registry.version_store import Reign, Unusable
from sensor_platform.predict.supervised import fitting
from sensor_platform.predict.supervised import task_card as cards
from sensor_platform.predict.supervised.task_card import MODEL, TaskCard
from sensor_platform.predict.supervised.task_model import TaskModel

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def alias(task: str) -> str:
    """What its folder is named after; no metric can have the same, for names have no control characters."""
    return f"task\x1f{task}"


def folder(home: Home, task: str) -> Path:
    """Of a task."""
    return home.models / version_store.folder_name(alias(task))


def model_id(task: str, version: str) -> str:
    """What rows carry: `<name>/<version>`."""
    return f"{version_store.folder_name(alias(task))}/{version}"


def save(home: Home, card: TaskCard, contents: Mapping[str, bytes]) -> Path:
    """Write a version durably, card last; `files` of the card is filled in here."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    encoded = cards.encode(msgspec.structs.replace(card, files=digests))
    return version_store.write_version(home, folder(home, card.task), card.version, contents, encoded)


def promote(home: Home, task: str, version: str, now: datetime, why: str) -> Reign:
    """Make a version the champion, atomically. The first one serves every hour that it has not learnt from.

    Raises:
        Unusable: that version, or the pointer to the earlier ones, is missing or damaged.
    """
    card = load(home, task, version).card
    return version_store.crown(folder(home, task), version, card.trained_to or _ALWAYS, now, why)


def fall_back(home: Home, task: str, found: tuple[Reign, ...], why: str, now: datetime) -> Reign | None:
    """Put the newest sound version before a champion in charge that is Unusable; None where there is none.

    Args:
        home: data folder.
        task: its name.
        found: its reigns.
        why: what is wrong with the champion.
        now: aware UTC.
    """
    before = version_store.sound_before(found, lambda each: load(home, task, each.version, each.card_sha256))
    return promote(home, task, before.version, now, f"rolled back: {why}") if before else None


def reigns(home: Home, task: str) -> tuple[Reign, ...]:
    """Every promotion, oldest first; the last one is the champion. Raises Unusable for a damaged pointer."""
    return version_store.read_reigns(folder(home, task))


def versions(home: Home, task: str) -> tuple[str, ...]:
    """Complete versions, oldest first."""
    return version_store.complete_versions(folder(home, task))


def tasks(home: Home) -> tuple[str, ...]:
    """Tasks with a complete version, by name."""
    found = set()
    for path in home.models.glob(f"task-*/*/{version_store.CARD}"):
        try:
            task = cards.decode(path.read_bytes()).task
        except (OSError, msgspec.ValidationError, msgspec.DecodeError):
            continue  # a metric's, or damaged: `card_of` says so when it is asked for
        if folder(home, task) == path.parents[1]:
            found.add(task)
    return tuple(sorted(found))


def card_of(home: Home, task: str, version: str, digest: str | None = None) -> TaskCard:
    """The card of a version, checked to be that version's.

    Raises:
        Unusable: there is none, or it is damaged.
    """
    path = folder(home, task) / version_store.checked(version) / version_store.CARD
    data = version_store.verified(path, digest) if digest else version_store.read_bytes(path)
    try:
        card = cards.decode(data)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise version_store.damaged(path, str(error)) from error
    if card.task != task or card.version != version:
        raise version_store.damaged(path, "it is the card of another model")
    return card


def champion_card(home: Home, task: str) -> TaskCard | None:
    """The verified card in charge, or None. Raises Unusable for what is damaged."""
    found = reigns(home, task)
    return card_of(home, task, found[-1].version, found[-1].card_sha256) if found else None


def load_champion(home: Home, task: str) -> TaskModel | None:
    """The model in charge, verified, or None. Raises Unusable for what is not what was promoted."""
    found = reigns(home, task)
    return load(home, task, found[-1].version, found[-1].card_sha256) if found else None


def load(home: Home, task: str, version: str, digest: str | None = None) -> TaskModel:
    """One version, with every hash checked before LightGBM sees a byte.

    Raises:
        Unusable: something is missing, changed, or of another task.
    """
    import lightgbm

    card = card_of(home, task, version, digest)
    path = folder(home, task) / version / MODEL
    data = version_store.verified(path, card.files.get(MODEL))
    try:
        booster = lightgbm.Booster(model_str=data.decode())
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
        raise version_store.damaged(path, str(error)) from error
    if booster.feature_name() != fitting.plain_names(list(card.sources)):
        raise Unusable(f"model file {path} has other inputs than its card", "add the model again with its own card")
    return TaskModel(model_id(task, version), card, booster)
