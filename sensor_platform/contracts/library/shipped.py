"""The contracts that ship with the platform, by the name that `contracts: {use: [...]}` of site.yaml gives them."""

import difflib
from functools import cache
from pathlib import Path

from sensor_platform.errors import WrongUse
from sensor_platform.kernel.yaml_file import read_documents
from sensor_platform.reading.contract import Contract

_FOLDER = Path(__file__).parent


def shipped_names() -> tuple[str, ...]:
    """Names of the library, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


@cache
def read_shipped(name: str) -> tuple[Contract, ...]:
    """The contracts of one name, in their order.

    Raises:
        WrongUse: there is no such name.
    """
    return read_documents(_path(name), Contract)


def text_of_shipped(name: str) -> str:
    """The file of one name, to be read, copied and edited by a person.

    Raises:
        WrongUse: there is no such name.
    """
    return _path(name).read_text(encoding="utf-8")


def description_of(name: str) -> str:
    """What the contracts of one name take: the first line of the file."""
    return text_of_shipped(name).partition("\n")[0].removeprefix("# ")


def _path(name: str) -> Path:
    known = shipped_names()
    if name in known:
        return _FOLDER / f"{name}.yaml"
    near = difflib.get_close_matches(name.lower(), known, n=1)
    meant = f": did you mean {near[0]!r}?" if near else ""
    raise WrongUse(f"the library has no contract {name!r}{meant}", f"the names are {', '.join(known)}")
