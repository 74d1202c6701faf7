"""Files of settings in YAML: read into types, with the file, line and key of the first mistake."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from sensor_platform.errors import WrongUse

_T = TypeVar("_T")


def read_yaml(path: Path, kind: type[_T], *, empty: str | None = None) -> _T:
    """The content of a file as a type of msgspec.

    Args:
        path: of the file.
        kind: the type.
        empty: what to do about an empty file, which is refused then; otherwise it has every default.

    Raises:
        WrongUse: naming file, line and key of the first mistake.
    """
    found = read_documents(path, kind)
    if not found:
        if empty is not None:
            raise WrongUse(f"{path}:1: the file is empty", empty)
        return _converted(path, None, {}, kind)
    if len(found) > 1:
        raise WrongUse(f"{path}: the file has {len(found)} documents", "keep one, and remove the lines `---`")
    return found[0]


def read_documents(path: Path, kind: type[_T]) -> tuple[_T, ...]:
    """Every document of a file, in their order; empty ones are passed over.

    Raises:
        WrongUse: naming file, line and key of the first mistake.
    """
    return tuple(_converted(path, tree, content, kind) for tree, content in _parse(path) if content is not None)


def _converted(path: Path, tree: yaml.Node | None, content: Any, kind: type[_T]) -> _T:  # noqa: ANN401 - whatever YAML has
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        where = where.rstrip("`")
        key = f" (key {where.lstrip('.')})" if where else ""
        raise WrongUse(
            f"{path}:{_line(tree, where)}: {message}{key}", "correct that key; docs/settings.md lists every setting"
        ) from error


class _TextKeys(yaml.SafeLoader):
    """Reads keys as they are written: `ON: 1` has the key ON, not true."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        """A mapping, as PyYAML makes it, with texts for keys."""
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag.rpartition(":")[2] in {"bool", "int", "float", "null"}:
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


def _parse(path: Path) -> list[tuple[yaml.Node | None, Any]]:
    """Nodes and content of each document of a YAML file."""
    try:
        text = path.read_text(encoding="utf-8")
        nodes = yaml.compose_all(text, Loader=yaml.SafeLoader)
        return list(zip(nodes, yaml.load_all(text, Loader=_TextKeys), strict=True))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise WrongUse(f"{path}{line}: not YAML: {getattr(error, 'problem', error)}", "correct the file") from error
    except (ValueError, RecursionError) as error:  # bytes that are not UTF-8, a day 31 of February, a deep nest
        raise WrongUse(f"{path}: not YAML: {error}", "correct the file; it must be UTF-8") from error
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error}", "check its rights") from error


def _line(tree: yaml.Node | None, where: str) -> int:
    """Line of the node that a path like `.collect.subscriptions[0].qos` names, or of its nearest parent."""
    node = tree
    for part in where.replace("[", ".").replace("]", "").split("."):
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == part), node)
        elif isinstance(node, yaml.SequenceNode) and part.isdigit():
            node = node.value[int(part)]
    return node.start_mark.line + 1 if node else 1
