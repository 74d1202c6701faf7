"""The rules of the quarantine: stable names, and what a person can do about each."""

from typing import Final

from sensor_platform.reading.model import Rejected

HINTS: Final[dict[str, str]] = {
    "no_contract": "add a contract whose topic filter matches, or take `contracts: {strict: true}` out of site.yaml",
    "undecodable": "check the sender's encoding, or set `encoding` in the contract of this topic",
    "no_birth": "the collector asks the node for its birth; then `sensor-platform quarantine requeue --rule no_birth`",
    "old_session": "nothing is to be done: the node was born again before its earlier session was found dead",
    "not_an_object": "a message must be one JSON object, or an array of objects with layout `auto` or `samples`",
    "no_root": "name the path of the object that is the message in the contract (`root`), or send it",
    "bad_block": "state in the contract (`block`) how the arrays of the message are built",
    "too_deep": "send flatter objects, or name the fields that matter and `ignore` the rest",
    "no_device": "send a device id, or name its place in the contract (`device`)",
    "unclear_id": "send ids of more than 64 bits as texts, not as numbers",
    "no_time": "send a time, or set `time.required: false` to use the receive time",
    "retained_without_time": "send a time, or set `retained: uncertain` (or `accept`) in the contract",
    "bad_time": "state `time.format` in the contract (`%d.%m.%Y %H:%M:%S`), and `time.template` (`{date} {time}`) where"
    " date and time are two fields",
    "unclear_time": "send UTC or an offset, or set `time.repeated_hour` in the contract (a clock without summer time:"
    " `time.timezone: +01:00`)",
    "in_the_future": "correct the device's clock, or state `time.format` or `time.timezone` in the contract; the bound"
    " is `landing.max_future_seconds` in site.yaml",
    "before_start": "set `time.fallback: receive_time` in the contract for clocks that are not set, or `time.format`;"
    " for history set an earlier `start` in site.yaml",
    "no_metric": "name the metric in the message, or name its place in the contract (`metric`)",
    "no_value": "send the value, or name its place in the contract (`value`)",
    "not_a_number": 'state `numbers` in the contract (`{decimal: ","}`, or `text`), name what stands for no value in'
    " `sentinels`, or send a finite number; leave the field out or send null where there is no value",
    "nested_value": "name the array in `elements` (a field per element), `block` (samples at steps or beside times) or"
    " `samples` (an array of objects) of the contract, or `ignore` it; objects need layout `nested`",
    "same_name": "give one of the fields another name in the contract (`rename`), or `ignore` it",
    "name_too_long": "use a shorter name: at most 256 characters",
    "missing_required_metric": "send all of `required_metrics` in one message, or shorten that list in the contract",
    "unknown_field": "add the field to `metrics` in the contract, or set `unknown_fields: evolve`",
    "no_readings": "the message holds no number, boolean or text besides ids and times; `ignore` or unsubscribe",
}


def rejected(
    rule: str, reason: str, device_id: str | None = None, metric: str | None = None, hint: str | None = None
) -> Rejected:
    """A refusal with the hint of its rule, or a better one."""
    return Rejected(rule=rule, reason=reason, hint=hint or HINTS[rule], device_id=device_id, metric=metric)
