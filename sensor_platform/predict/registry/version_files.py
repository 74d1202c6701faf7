"""Files of model versions: names of folders and versions, durable writing, reading with a checked SHA-256.

A version is complete once its card is there, which is written last and holds the SHA-256 of every model file. Nothing
here runs code on load. A folder name is made of a slug and a hash of the model's name, never of the name itself.
"""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from sensor_platform.errors import CheckFailed, Unreachable
from sensor_platform.home import Home
from sensor_platform.kernel import durable

CARD = "card.json"
CHAMPION = "champion.json"
_VERSION = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{12}")


class Unusable(CheckFailed):
    """Something in the registry is missing or is not what was written."""


class OtherInputs(Unusable):
    """The version is intact, but was trained on another feature schema, or by a release whose models were others."""


def slug(name: str) -> str:
    """The readable part of a folder name: at most 32 lower-case letters, digits and dashes; may be empty."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32].strip("-")


def folder_name(name: str) -> str:
    """Name of a model's folder: readable where possible, always unique, and safe whatever the model is called."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{slug(name) or 'metric'}-{digest}"


def version_name(created_at: datetime, contents: Mapping[str, bytes]) -> str:
    """Name of a version: the second it was made, and a hash of its files."""
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(name.encode() + b"\0" + hashlib.sha256(contents[name]).digest())
    return f"{created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{digest.hexdigest()[:12]}"


def created_at(version: str) -> datetime:
    """When a version was made, to the second, from its name. Raises Unusable for another text."""
    return datetime.strptime(checked(version)[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def is_version(text: str) -> bool:
    """Whether `text` has the form of a version name."""
    return _VERSION.fullmatch(text) is not None


def checked(version: str) -> str:
    """`version` if it has the form of a version name. Raises Unusable otherwise."""
    if not is_version(version):
        raise Unusable(f"{version!r} is not a version", "versions are the folder names under models/<name>/")
    return version


def complete_versions(folder: Path) -> tuple[str, ...]:
    """Versions of a folder that have their card, oldest first."""
    return tuple(sorted(path.parent.name for path in folder.glob(f"*/{CARD}") if is_version(path.parent.name)))


def write_version(home: Home, folder: Path, version: str, contents: Mapping[str, bytes], card: bytes) -> Path:
    """Write a version durably, card last; writing the same version again changes nothing.

    Returns:
        The folder of the version.

    Raises:
        Unreachable: the folder cannot be written.
    """
    version_folder = folder / checked(version)
    with writing(version_folder):
        for name, data in contents.items():
            durable.write_file(version_folder / name, data)
        durable.write_file(version_folder / CARD, card)
        for parent in (folder, home.models, home.root):
            durable.fsync_folder(parent)
    return version_folder


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise Unreachable where writing `path` fails."""
    try:
        yield
    except OSError as error:
        raise Unreachable(
            f"cannot write {path}: {error.strerror}", "check the folder's rights and disk space"
        ) from error


def read_bytes(path: Path) -> bytes:
    """Contents of a registry file. Raises Unusable where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise damaged(path, error.strerror or "unreadable") from error


def verified(folder: Path, name: str, digest: str | None) -> bytes:
    """Contents of a version's file whose SHA-256 is the recorded one.

    Raises:
        Unusable: the file is missing or changed, or its name leads out of the folder.
    """
    if name != Path(name).name or name.startswith("."):
        raise Unusable(f"a card names the file {name!r}", "delete that version")
    data = read_bytes(folder / name)
    if digest is None or hashlib.sha256(data).hexdigest() != digest:
        raise damaged(folder / name, "its SHA-256 is not the recorded one")
    return data


def damaged(path: Path, reason: str) -> Unusable:
    """The error for a file that is not what was written."""
    if path.name == CHAMPION:
        remedy = "or delete it and choose a champion with `sensor-platform models promote`"
    else:
        remedy = "or choose another champion with `sensor-platform models rollback` or `promote`"
    return Unusable(f"model file {path} cannot be trusted: {reason}", f"restore it from a backup, {remedy}")
