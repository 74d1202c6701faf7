"""JSON responses, errors as responses, and parameters of a query."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sensor_platform.errors import ExitCode, Missing, PlatformError, WrongUse
from sensor_platform.kernel.clock import plain_utc
from sensor_platform.live.requests.ingest import Busy
from sensor_platform.live.web.security import TooLarge

Endpoint = Callable[[Request], Awaitable[Response]]


class Json(Response):
    """JSON; NaN and infinity become null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - anything that JSON has
        """Encode the content."""
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


def with_errors(endpoint: Endpoint) -> Endpoint:
    """Wrap an endpoint so that an expected error becomes a response with a hint."""

    async def respond(request: Request) -> Response:
        try:
            return await endpoint(request)
        except TooLarge:
            return Json({"error": "the body is too large", "hint": "send less at once"}, 413)
        except Busy:
            return Json(
                {"error": "too many messages wait to be written", "hint": "try again"}, 503, {"retry-after": "1"}
            )
        except PlatformError as error:
            wrong = 404 if isinstance(error, Missing) else 400
            code = wrong if error.exit_code == ExitCode.WRONG_USE else 503
            return Json({"error": error.message, "hint": error.hint}, code)

    return respond


def text_parameter(query: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be given.

    Raises:
        WrongUse: it is missing or empty.
    """
    if not query.get(name):
        raise WrongUse(f"{name} is missing", f"add ?{name}=...")
    return query[name]


def number_parameter(query: Mapping[str, str], name: str, default: float) -> float:
    """Return a positive number.

    Raises:
        WrongUse: it is not a number, or out of range.
    """
    text = query.get(name)
    try:
        number = default if text is None else float(text)
    except ValueError as error:
        raise WrongUse(f"{name} {str(text)[:60]!r} is not a number", "write seconds or minutes") from error
    if not 0 < number < 1e9:
        raise WrongUse(f"{name} {number} is out of range", "write a positive number")
    return number


def time_parameter(query: Mapping[str, str], name: str, default: datetime) -> datetime:
    """Return a time as plain UTC: ISO 8601 (UTC if it names no zone), or seconds since 1970.

    Raises:
        WrongUse: it is neither.
    """
    text = query.get(name)
    if not text:
        return default
    try:
        if re.fullmatch(r"\d+(\.\d+)?", text):
            return datetime.fromtimestamp(float(text), UTC).replace(tzinfo=None)
        parsed = datetime.fromisoformat(text)
        return plain_utc(parsed)
    except (ValueError, OverflowError, OSError) as error:
        raise WrongUse(f"{name} {text[:60]!r} is not a time", "write ISO 8601 or seconds since 1970") from error


def choice_parameter(query: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """Return one of the choices; empty if it is not given.

    Raises:
        WrongUse: it is another text.
    """
    text = query.get(name, "")
    if text and text not in choices:
        raise WrongUse(f"{name}: {text[:60]!r}", f"one of {', '.join(choices)}")
    return text
