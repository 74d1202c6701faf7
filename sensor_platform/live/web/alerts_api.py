"""`/api/alerts` and the page behind a signed link: alerts, and what people answer to them."""

import asyncio
import html
from collections.abc import Callable
from contextlib import closing
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sensor_platform.alert import store
from sensor_platform.alert.live_queries import alert_rows
from sensor_platform.alert.operator_answers import answer_alert
from sensor_platform.errors import PlatformError
from sensor_platform.home import Home
from sensor_platform.live.requests import answer_links
from sensor_platform.live.web.responses import Json, choice_parameter
from sensor_platform.live.web.small_pages import form_fields, small_page

_STATES = ("firing", "acknowledged", "resolved")


class AlertsApi:
    """Endpoints over the alerts in the live store."""

    def __init__(self, home: Home, clock: Callable[[], int], wake: Callable[[], None], secret: bytes) -> None:
        """Describe the store.

        Args:
            home: the data folder.
            clock: microseconds since the epoch.
            wake: makes the engine look for commands.
            secret: of the signed links.
        """
        self._home = home
        self._clock = clock
        self._wake = wake
        self._secret = secret

    async def alerts(self, request: Request) -> Response:
        """List alerts, newest first; `?state=firing|acknowledged|resolved`, `?device=`."""
        query = request.query_params
        state = choice_parameter(query, "state", _STATES)
        rows = await asyncio.to_thread(self._rows, state, query.get("device", ""))
        return Json({"alerts": rows})

    async def answer_alert(self, request: Request) -> Response:
        """Take the answer acknowledge, confirm or reject."""
        alert_id, kind = request.path_params["alert_id"], request.path_params["answer"]
        by = request.query_params.get("by", "page")[:100]
        await asyncio.to_thread(self._answer, alert_id, kind, by)
        return Json({"alert_id": alert_id, "answer": kind})

    async def answer_page(self, request: Request) -> Response:
        """Show the page behind a signed link. GET changes nothing, because mail programs fetch links; buttons post."""
        query = request.query_params
        alert_id, until, sign = (query.get(name, "") for name in ("alert", "until", "sign"))
        if not answer_links.is_valid(self._secret, alert_id, until, sign, self._clock() // 1_000_000):
            return HTMLResponse(small_page("This link is not valid (any more)", ""), 403)
        result = ""
        if request.method == "POST":
            kind = (await form_fields(request)).get("answer", "")
            try:
                self._answer(alert_id, kind, "signed link")
                result = f"<p class='done'>Done: {html.escape(kind)}.</p>"
            except PlatformError as error:
                result = f"<p>{html.escape(error.message)}</p>"
        buttons = "".join(
            f"<button name='answer' value='{kind}'>{kind.capitalize()}</button> "
            for kind in ("acknowledge", "confirm", "reject")
        )
        body = f"{result}<p>Alert {html.escape(alert_id)}</p><form method='post'>{buttons}</form>"
        return HTMLResponse(small_page("Answer an alert", body))

    def _rows(self, state: str, device: str) -> list[dict[str, Any]]:
        with closing(store.connect(self._home.live_file)) as connection:
            return alert_rows(connection, state, device)

    def _answer(self, alert_id: str, kind: str, by: str) -> None:
        answer_alert(self._home, alert_id, kind, by, self._clock())
        self._wake()
