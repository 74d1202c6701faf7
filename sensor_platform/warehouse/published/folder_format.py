"""The version of the published folder, its files and views: `format.json` in it, so that copies have it too.

A folder without that file has format 1. Publishing brings it forward: files whose columns changed, and all views, are
written again.
"""

from pathlib import Path

import msgspec

from sensor_platform.errors import CheckFailed
from sensor_platform.kernel import store_format
from sensor_platform.kernel.durable import write_file

FORMAT = 2
FILE = "format.json"


class _Format(msgspec.Struct, frozen=True):
    format: int
    written_by: str | None = None


def check(folder: Path) -> int:
    """The format of a published folder.

    Raises:
        WrongUse: a newer version of the platform wrote it.
        CheckFailed: its file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return 1
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_Format)
    except msgspec.DecodeError as error:
        raise CheckFailed(
            f"{path} is damaged: {error}", "remove it; `sensor-platform publish` writes it again"
        ) from error
    store_format.refuse_newer(f"the published folder {folder}", found.format, FORMAT, found.written_by)
    return found.format


def stamp(folder: Path) -> None:
    """Write this version's format: everything in the folder has it."""
    write_file(folder / FILE, msgspec.json.encode(_Format(FORMAT, store_format.writer())))
