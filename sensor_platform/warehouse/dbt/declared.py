"""Writes `lineage.json` from the parsed dbt project: what each model declares in its meta, checked against its SQL."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sensor_platform.errors import CheckFailed
from sensor_platform.kernel.durable import write_file
from sensor_platform.warehouse.dbt.declared_rules import RULES, Declared, refuse
from sensor_platform.warehouse.lineage import LINEAGE_FILE, SLOTS, dbt_tables
from sensor_platform.warehouse.meta import DbtTable, ModelMeta

_VIEWS = frozenset({"view", "ephemeral"})
_OTHER_KEYS = frozenset({"dagster"})
"""Keys of meta that are dagster-dbt's."""
_LANDING = "source.sensor_platform.landing.readings"


def declared(manifest: Any) -> dict[str, DbtTable]:  # noqa: ANN401 - dbt has no types
    """The tables of a parsed project, by name.

    Raises:
        WrongUse: the meta of a model is incomplete or wrong; names the model and the key, with an example.
    """
    nodes = {unique: node for unique, node in manifest.nodes.items() if str(node.resource_type) == "model"}
    tables = sorted((node for node in nodes.values() if not _is_view(node)), key=lambda node: str(node.name))
    found = {node.name: _declared(node, nodes) for node in tables}
    for each in found.values():
        for rule in RULES:
            rule(each, found)
    return {name: each.table for name, each in found.items()}


def write_lineage(manifest: Any) -> bool:  # noqa: ANN401
    """Write what the project declares to `lineage.json`; False if that file has it already.

    Raises:
        WrongUse: as `declared`.
    """
    text = lineage_text(declared(manifest))
    if LINEAGE_FILE.exists() and LINEAGE_FILE.read_bytes() == text:
        return False
    write_file(LINEAGE_FILE, text)
    dbt_tables.cache_clear()
    return True


def lineage_text(tables: Mapping[str, DbtTable]) -> bytes:
    """Content of `lineage.json` for these tables; the same for the same tables."""
    return msgspec.json.format(msgspec.json.encode(dict(tables), order="sorted"), indent=2) + b"\n"


def check_lineage(manifest: Any) -> None:  # noqa: ANN401
    """Refuse a project whose models were changed after `lineage.json` was written.

    Raises:
        CheckFailed: they differ.
        WrongUse: as `declared`.
    """
    found, known = declared(manifest), dbt_tables()
    changed = sorted(name for name in {*found, *known} if found.get(name) != known.get(name))
    if changed:
        raise CheckFailed(
            f"{LINEAGE_FILE.name} does not match the dbt project: {', '.join(changed)}",
            "run `sensor-platform dbt parse`, which writes that file",
        )


def _is_view(node: Any) -> bool:  # noqa: ANN401
    return node.config.materialized in _VIEWS


def _declared(node: Any, nodes: Mapping[str, Any]) -> Declared:  # noqa: ANN401
    meta = {key: value for key, value in node.config.meta.items() if key not in _OTHER_KEYS}
    try:
        checked = msgspec.convert(meta, ModelMeta)
    except msgspec.ValidationError as error:
        refuse(node.name, *_explained(str(error)))
    views = dict.fromkeys(each for each in _upstream(node, nodes) if each in nodes and _is_view(nodes[each]))
    read = {nodes[each].name if each in nodes else SLOTS for each in _upstream(node, nodes) if each not in views}
    kept = tuple(nodes[each].name for each in views if nodes[each].config.materialized == "view")
    table = DbtTable(**msgspec.structs.asdict(checked), views=kept)
    return Declared(node.name, table, frozenset(read), node.config.materialized, node.original_file_path)


def _upstream(node: Any, nodes: Mapping[str, Any]) -> Iterator[str]:  # noqa: ANN401
    """What a model reads, up to the next tables; a view comes after what it reads."""
    for unique in sorted(node.depends_on.nodes):
        if unique in nodes and _is_view(nodes[unique]):
            yield from _upstream(nodes[unique], nodes)
        if unique in nodes or unique == _LANDING:
            yield unique


def _explained(message: str) -> tuple[str, str]:
    """Key and reason of a mistake that msgspec has found."""
    reason, _, where = message.partition(" - at ")
    if where:
        key = re.split(r"[.\[`]", where.removeprefix("`$."))[0]
        return key, reason[0].lower() + reason[1:]
    key = reason.split("`")[1]
    return key, "it is missing" if "missing" in reason else f"there is no such key; known are {', '.join(_known())}"


def _known() -> tuple[str, ...]:
    return ModelMeta.__struct_fields__
