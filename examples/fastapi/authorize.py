"""The page to which other applications send Logbook's users, with the handle of a request that waits at Hospes.

Hospes has checked the request, and says what is to be done: Logbook logs its user in, asks them, and tells the answer.
"""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

import hospes
from pages import Browser, Visitor, go, page

router = APIRouter()

# For how long somebody may allow something, in days.
SPANS = {"": "until I disconnect it", "1": "for a day", "30": "for 30 days", "365": "for a year"}


def address(interaction: str) -> str:
    """Where a request goes on, whatever came between."""
    return f"/authorize?{urlencode({'interaction': interaction})}"


@router.get("/authorize")
def begin(request: Request, browser: Visitor, interaction: str = "") -> Response:
    if not interaction:
        problem = "Other apps send you here. Begin at the app that you want to connect."
        return page(request, browser, "problem", 400, problem=problem)
    return go_on(request, browser, hospes.open_interaction(interaction, browser.user))


@router.post("/authorize")
def decide(
    request: Request,
    browser: Visitor,
    interaction: Annotated[str, Form()] = "",
    decision: Annotated[str, Form()] = "",
    scope: Annotated[list[str] | None, Form()] = None,
    days: Annotated[str, Form()] = "",
    client: Annotated[str, Form()] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    # From another site, or from a page that an earlier user was shown: ask whoever is here now.
    if not browser.has_form(csrf) or decision not in ("allow", "deny"):
        return go(address(interaction))
    if decision == "allow" and not browser.user:
        return go(address(interaction))
    try:
        if decision == "allow":
            days_allowed = int(days) if days in SPANS and days else None
            asked = hospes.allow(interaction, browser.user, scope or [], days_allowed)
        else:
            asked = hospes.deny(interaction, browser.user)
    except hospes.Away:
        # The answer waits on the page. Nobody is asked twice because something was away for a moment.
        answer = {"interaction": interaction, "decision": decision, "scopes": scope or [], "days": days}
        answer["client"] = client
        return page(request, browser, "retry", 503, leads_away=True, answer=answer)
    return go_on(request, browser, asked)


@router.post("/authorize/account")
def go_on_as(
    browser: Visitor, interaction: Annotated[str, Form()] = "", csrf: Annotated[str, Form()] = ""
) -> Response:
    """The application wants the user to choose an account, and they choose the one that is signed in."""
    if browser.user and browser.has_form(csrf):
        hospes.logged_in(interaction, browser.user)
    return go(address(interaction))


def go_on(request: Request, browser: Browser, asked: dict) -> Response:
    """Does what Hospes says is next."""
    if asked["next"] == "redirect":
        return go(asked["redirect_url"])
    # Hospes still knows for whom the request was opened before; who has logged out here since does not answer it.
    if asked["next"] == "consent" and browser.user:
        return page(request, browser, "consent", leads_away=True, asked=asked, spans=SPANS)
    username = asked["login"]["login_hint"] if "login" in asked else None
    return page(request, browser, "login", leads_away=True, asked=asked, username=username or "")
