"""Which files were imported, when, and under which mapping."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from sensor_platform.errors import WrongUse
from sensor_platform.home import Home
from sensor_platform.kernel.durable import sha256
from sensor_platform.landing.ledger import KnownFile, imported, read_ledger
from sensor_platform.reading.contract import Contract

ID_DIGITS = 12
"""Digits of an id as it is shown; any beginning that fits one import only will do."""
_HINT = "see `sensor-platform import --list`"


def mapping_version(contract: Contract) -> str:
    """16 hex digits that change when the mapping of an import does, but not when a version adds keys with defaults."""
    default: dict[str, Any] = msgspec.to_builtins(Contract(name="import", topic="#"))
    said: dict[str, Any] = msgspec.to_builtins(contract)
    differs = {key: value for key, value in said.items() if value != default.get(key) and key not in {"name", "topic"}}
    text = json.dumps({key: _said(value, default.get(key)) for key, value in differs.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def list_imports(home: Home) -> list[KnownFile]:
    """Every imported file, oldest first."""
    with read_ledger(home) as ledger:
        return [] if ledger is None else imported(ledger)


def chosen_imports(known: Sequence[KnownFile], names: Sequence[str]) -> tuple[KnownFile, ...]:
    """The files of some imports.

    Args:
        known: all imported files.
        names: each the id of an import or of one file of it (or a beginning of it), or the path of an imported file.

    Raises:
        WrongUse: a name fits none, or several imports.
    """
    found: dict[str, KnownFile] = {}
    for name in names:
        found |= {file.sha256: file for file in _one(known, name)}
    return tuple(found.values())


def short_id(text: str) -> str:
    """An id as it is shown: of a file its checksum, of an import the digits of its name in the ledger."""
    return text.removeprefix("import-")[:ID_DIGITS]


def _one(known: Sequence[KnownFile], name: str) -> list[KnownFile]:
    path = Path(name)
    if path.is_file():
        digest = sha256(path)
        files = [file for file in known if file.sha256 == digest]
        if not files:
            raise WrongUse(f"{name} was not imported", _HINT)
        return files
    start = name.removeprefix("import-")
    files = [file for file in known if start and file.segment.removeprefix("import-").startswith(start)]
    if len({file.segment for file in files}) == 1:
        return files
    files += [file for file in known if start and file.sha256.startswith(start)]
    if len(files) > 1:
        raise WrongUse(f"{name!r} fits {len(files)} imports", f"give more digits; {_HINT}")
    if not files:
        raise WrongUse(f"no import is called {name!r}, and there is no such file", _HINT)
    return files


def _said(value: Any, default: Any) -> Any:  # noqa: ANN401 - values of a contract
    """Leave only what differs from its default in an object."""
    if isinstance(value, dict) and isinstance(default, dict):
        return {key: each for key, each in value.items() if each != default.get(key)}
    return value
