"""The OpenAPI 3.1 document of the API."""

from importlib.metadata import version
from typing import Any

from sensor_platform.live.engine.view import STANDINGS

_TEXT = {"type": "string"}
_NAME = {"type": "string", "minLength": 1}
_SPAN = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e9}
_TIME = {
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number", "minimum": 0, "maximum": 4e9}],
    "description": "ISO 8601 (UTC if it names no zone), or seconds since 1970",
}
_TOPIC = {"type": "string", "pattern": "^[^+#\\x00]+$"}
_MODEL = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"}
_STATE = {"enum": ["", "firing", "acknowledged", "resolved"], "description": "empty for all"}


def description(ingest_topic: str) -> dict[str, Any]:
    """Return the document.

    Args:
        ingest_topic: topic of messages that come without one.
    """
    return {
        "openapi": "3.1.0",
        "info": {"title": "sensor-platform live", "version": version("sensor-platform")},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}, "schemas": _schemas()},
        "security": [{"token": []}, {}],
        "paths": {
            "/ingest": {"post": _ingest(ingest_topic)},
            "/api/latest": {
                "get": _get("Newest values", "Latest", device=_TEXT, metric=_TEXT, max_age={**_SPAN, "default": 300})
            },
            "/api/history": {
                "get": _get(
                    "Windows or readings from the published files",
                    "History",
                    required=("device", "metric"),
                    device=_NAME,
                    metric=_NAME,
                    **{"from": _TIME, "to": _TIME},
                    window={
                        "type": "string",
                        "pattern": "^(raw|auto|[1-9][0-9]{0,3}(0s|m|h|d))$",
                        "default": "auto",
                        "description": "raw, auto, or a multiple of 10s",
                    },
                    forecast={**_TEXT, "description": "any value: include the forecast"},
                )
            },
            "/api/recent": {
                "get": _get(
                    "Windows that closed in the last minutes",
                    "Anything",
                    required=("device", "metric"),
                    device=_NAME,
                    metric=_NAME,
                    window=_TEXT,
                    minutes={**_SPAN, "default": 15, "description": "at most 180 are used"},
                )
            },
            "/api/devices": {
                "get": _get(
                    "Devices, those with alarms first",
                    "Anything",
                    search=_TEXT,
                    state={"enum": ["", *STANDINGS], "description": "empty for all"},
                )
            },
            "/api/alerts": {"get": _get("Alerts, newest first", "Anything", state=_STATE, device=_TEXT)},
            "/api/alerts/{alert_id}/{answer}": {"post": _answer()},
            "/api/predict/{name}": {"post": _predict()},
            "/healthz": {"get": _health("Whether the process works")},
            "/readyz": {"get": _health("Whether everything that the process needs works")},
            "/metrics": {"get": {"summary": "Prometheus metrics", "responses": {"200": {"description": "text"}}}},
        },
    }


def _schemas() -> dict[str, Any]:
    reading = {
        "device_id": _TEXT,
        "metric": _TEXT,
        "value": {"type": ["number", "null"]},
        "verdict": {"enum": ["good", "uncertain", "bad"]},
        "event_at": {"type": "integer", "description": "microseconds since the epoch, UTC"},
        "received_at": {"type": "integer"},
    }
    check = {
        "type": "object",
        "properties": {
            "ok": {"type": "boolean", "description": "whether it has not failed"},
            "state": {"enum": ["ok", "waiting", "failed"], "description": "waiting: not used so far"},
            "detail": _TEXT,
            "is_needed": {"type": "boolean", "default": True},
        },
        "required": ["ok", "state", "detail"],
    }
    return {
        "Anything": {"type": "object"},
        "Problem": {"type": "object", "properties": {"error": _TEXT, "hint": _TEXT}},
        "Latest": {
            "type": "object",
            "properties": {
                "at": {"type": "integer"},
                "readings": {"type": "array", "items": {"type": "object", "properties": reading}},
            },
        },
        "History": {
            "type": "object",
            "properties": {
                "window": _TEXT,
                "columns": {"type": "array", "items": _TEXT},
                "rows": {"type": "array", "items": {"type": "array"}},
                "is_cut": {"type": "boolean"},
            },
        },
        "Accepted": {
            "type": "object",
            "properties": {
                "accepted": {"type": "integer", "description": "messages on disk"},
                "refused": {
                    "type": "array",
                    "items": {"type": "object"},
                    "description": "messages that will be quarantined",
                },
            },
        },
        "Health": {
            "type": "object",
            "properties": {
                "status": {"enum": ["healthy", "degraded", "unhealthy"]},
                "timestamp": _TEXT,
                "checks": {"type": "object", "additionalProperties": check},
            },
            "required": ["status", "timestamp", "checks"],
        },
    }


def _get(summary: str, schema: str, *, required: tuple[str, ...] = (), **query: dict[str, Any]) -> dict[str, Any]:
    responses = _responses(schema)
    return {
        "summary": summary,
        "parameters": [
            {"name": name, "in": "query", "required": name in required, "schema": kind} for name, kind in query.items()
        ],
        "responses": responses | {"503": responses["default"]} if schema == "History" else responses,
    }


def _ingest(topic: str) -> dict[str, Any]:
    body = {
        "schema": {
            "description": "a message or an array of messages, any JSON; the topic's contract decides what is accepted",
            "not": {"type": "array", "maxItems": 0},
        }
    }
    return {
        "summary": "Store messages; answered once they are on disk",
        "parameters": [{"name": "topic", "in": "query", "schema": {**_TOPIC, "default": topic}}],
        "requestBody": {
            "required": True,
            "content": {"application/json": body, "application/x-ndjson": {"schema": _TEXT}},
        },
        "responses": _responses("Accepted", "202"),
    }


def _answer() -> dict[str, Any]:
    return {
        "summary": "Acknowledge, confirm or reject an alert",
        "parameters": [
            {"name": "alert_id", "in": "path", "required": True, "schema": _TEXT},
            {
                "name": "answer",
                "in": "path",
                "required": True,
                "schema": {"enum": ["acknowledge", "confirm", "reject"]},
            },
        ],
        "responses": _responses("Anything"),
    }


def _predict() -> dict[str, Any]:
    return {
        "summary": "Make a prediction",
        "parameters": [{"name": "name", "in": "path", "required": True, "schema": _MODEL}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": _responses("Anything"),
    }


def _health(summary: str) -> dict[str, Any]:
    found = _get(summary, "Health")
    found["responses"]["503"] = found["responses"]["200"] | {"description": "a needed dependency has failed"}
    return found


def _responses(schema: str, code: str = "200") -> dict[str, Any]:
    def answer(name: str, text: str) -> dict[str, Any]:
        return {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}},
        }

    return {code: answer(schema, "fine"), "default": answer("Problem", "what is wrong, and what to do")}
