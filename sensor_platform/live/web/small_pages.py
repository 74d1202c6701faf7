"""Small HTML pages with a form: signing in, and the frame of the page that answers an alert."""

from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sensor_platform.live.web import security

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<link rel="stylesheet" href="/static/page.css"><main class="small"><h1>{title}</h1>{body}</main></html>"""
_LOGIN_FORM = (
    "<form method='post'><label>Token <input name='token' type='password' autofocus autocomplete='off'></label>"
    " <button>Sign in</button></form>"
)
_COOKIE_SECONDS = 30 * 86_400


def small_page(title: str, body: str) -> str:
    """Return a page.

    Args:
        title: plain text.
        body: HTML.
    """
    return _PAGE.format(title=title, body=body)


async def form_fields(request: Request) -> dict[str, str]:
    """Return the fields of a form."""
    return dict(parse_qsl((await request.body()).decode("utf-8", "replace"), max_num_fields=20))


class LoginPage:
    """Exchanges the token for a cookie."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def login(self, request: Request) -> Response:
        """Show the form, or take it."""
        if request.method != "POST":
            return HTMLResponse(small_page("Sign in", _LOGIN_FORM))
        given = (await form_fields(request)).get("token", "")
        if not self._token or not security.is_equal(given, self._token):
            return HTMLResponse(small_page("Sign in", _LOGIN_FORM), 401)
        response = RedirectResponse("/", 303)
        is_https = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
        response.set_cookie(
            security.COOKIE,
            security.cookie_of(self._token),
            max_age=_COOKIE_SECONDS,
            httponly=True,
            samesite="strict",
            secure=is_https,
        )
        return response
