"""Single values written as text, as CSV cells and plain payloads have them."""

_BOOLEANS = {"true": True, "false": False}


def scalar_of(text: str) -> object:
    """A number, a boolean, None where it is empty, else the text."""
    stripped = text.strip()
    if not stripped:
        return None
    if "_" in stripped:  # Python reads 1_000 as a number, nobody else does
        return text
    try:
        return int(stripped)
    except ValueError:
        pass
    try:
        return float(stripped)
    except ValueError:
        return _BOOLEANS.get(stripped.lower(), text)
