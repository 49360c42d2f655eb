"""How Logbook shows a page: the browser that it is for, the templates, and the headers."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

import users

LOGBOOK_URL = os.environ.get("LOGBOOK_URL", "http://localhost:8000")
COOKIE = "logbook"
KEY = bytes.fromhex(os.environ["LOGBOOK_KEY"])

_templates = Jinja2Templates(Path(__file__).parent / "templates")

# A form may be posted to Logbook only. Where that leads counts too in some browsers, so the pages on which somebody
# answers another application, which lives elsewhere, go without `form-action`.
_POLICY = "default-src 'none'; style-src 'self'; img-src https:; base-uri 'none'; frame-ancestors 'none'"


class Browser:
    """The browser that asks, and who is signed in there."""

    def __init__(self, request: Request) -> None:
        self.session_id = request.cookies.get(COOKIE, "")
        self.is_known = bool(self.session_id)
        if not self.is_known:
            self.session_id = secrets.token_urlsafe(32)
        self.user = users.of_session(self.session_id)

    @property
    def csrf(self) -> str:
        """What a form carries to prove that it is ours, and of this session: a page of an earlier one has another."""
        return hmac.new(KEY, self.session_id.encode(), hashlib.sha256).hexdigest()

    def has_form(self, csrf: str) -> bool:
        """Whether a form with this proof is from a page that this very session was shown."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


Visitor = Annotated[Browser, Depends(Browser)]


def page(
    request: Request, browser: Browser, name: str, status: int = 200, leads_away: bool = False, **content: object
) -> HTMLResponse:
    """A page from the templates; `leads_away` if its form may end at another application."""
    content |= {"page": name, "browser": browser, "user": browser.user}
    response = _templates.TemplateResponse(request, f"{name}.html", content, status_code=status)
    response.headers["content-security-policy"] = _POLICY if leads_away else f"{_POLICY}; form-action 'self'"
    if not browser.is_known:
        keep(response, browser.session_id)
    return response


def keep(response: Response, session_id: str) -> None:
    """Gives the browser its cookie."""
    is_secure = LOGBOOK_URL.startswith("https:")
    response.set_cookie(COOKIE, session_id, httponly=True, samesite="lax", secure=is_secure)


def go(location: str) -> RedirectResponse:
    """Sends the browser on, by GET whatever it came with."""
    return RedirectResponse(location, 303)
