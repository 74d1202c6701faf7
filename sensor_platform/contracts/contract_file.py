"""Contracts as YAML: only what differs from the defaults."""

from typing import Any

import msgspec
import yaml

from sensor_platform.reading.contract import Contract


def to_yaml(contract: Contract) -> str:
    """The content of a file in `contracts/` for this contract."""
    plain = msgspec.to_builtins(contract)
    defaults = msgspec.to_builtins(Contract(name=contract.name, topic=contract.topic))
    always = {"name", "topic", "encoding"}
    kept = {key: _pruned(value) for key, value in plain.items() if key in always or value != defaults[key]}
    return yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)


def _pruned(value: Any) -> Any:  # noqa: ANN401 - whatever YAML has
    """The value without entries that are None or False."""
    if isinstance(value, dict):
        return {key: _pruned(item) for key, item in value.items() if item is not None and item is not False}
    return [_pruned(item) for item in value] if isinstance(value, list | tuple) else value
