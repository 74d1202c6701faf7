"""Signed links by which a person answers an alert from a notification without the token, for about a week."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import urlencode

_DAYS = 7
_DAY = 86_400


def secret_of(folder: Path) -> bytes:
    """Return the secret of a home; it is made on first use, readable by its owner only."""
    path = folder / "secret"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(fd, "wb") as file:
        file.write(secrets.token_bytes(32))
    return path.read_bytes()


def sign(secret: bytes, alert_id: str, until: int) -> str:
    """Sign an alert's id and the time (seconds since the epoch) until which it may be answered."""
    return hmac.new(secret, f"{alert_id} {until}".encode(), hashlib.sha256).hexdigest()[:40]


def link_of(secret: bytes, public_url: str, alert_id: str, now_seconds: int) -> str:
    """Return a link to answer an alert; empty without a public URL.

    It is the same within a day, so that a step that is run again gives the same notification.
    """
    if not public_url:
        return ""
    until = (now_seconds // _DAY + _DAYS + 1) * _DAY
    query = urlencode({"alert": alert_id, "until": until, "sign": sign(secret, alert_id, until)})
    return f"{public_url.rstrip('/')}/answer?{query}"


def is_valid(secret: bytes, alert_id: str, until: str, given: str, now_seconds: int) -> bool:
    """Whether a link has a correct signature and has not expired."""
    if not until.isascii() or not until.isdigit() or len(until) > 12 or int(until) < now_seconds:
        return False
    return hmac.compare_digest(given.encode("utf-8", "replace"), sign(secret, alert_id, int(until)).encode())
