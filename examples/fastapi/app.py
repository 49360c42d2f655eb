"""Logbook, where people write things down: an application with users and sessions of its own.

Other applications may act for its users: `authorize.py` is the page to which they send them, `api.py` what they want.
"""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Request
from fastapi.exception_handlers import request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

import api
import authorize
import hospes
import users
from pages import Browser, Visitor, go, keep, page

app = FastAPI(title="Logbook", docs_url=None, redoc_url=None, openapi_url=None)
app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
app.include_router(authorize.router)
app.include_router(api.router)


@app.middleware("http")
async def add_headers(request: Request, call_next) -> Response:  # noqa: ANN001
    """What every answer says, whatever it shows."""
    response = await call_next(request)
    response.headers["x-content-type-options"] = "nosniff"
    # The address of the page has the handle of a request in it.
    response.headers["referrer-policy"] = "same-origin"
    if not request.url.path.startswith("/static"):
        response.headers["cache-control"] = "no-store"
    return response


@app.get("/")
def home(request: Request, browser: Visitor) -> Response:
    if not browser.user:
        return go("/login")
    return page(request, browser, "home", notes=users.notes_of(browser.user))


@app.post("/notes")
def write(browser: Visitor, text: Annotated[str, Form()] = "", csrf: Annotated[str, Form()] = "") -> Response:
    if browser.user and browser.has_form(csrf) and text.strip():
        users.add_note(browser.user, text.strip()[:2000])
    return go("/")


@app.get("/login")
def login(request: Request, browser: Visitor) -> Response:
    return go("/") if browser.user else page(request, browser, "login")


@app.post("/login")
def enter(
    request: Request,
    browser: Visitor,
    username: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    interaction: Annotated[str, Form()] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    if not browser.has_form(csrf):
        return go(authorize.address(interaction) if interaction else "/login")
    user = users.log_in(username, password)
    if not user:
        problem = "The address or the password is wrong."
        asked = hospes.see(interaction) if interaction else None
        return page(request, browser, "login", 401, bool(asked), asked=asked, username=username, problem=problem)
    if interaction:
        hospes.logged_in(interaction, user)
    # Another id than before: whoever knew that one is not signed in with it.
    users.end_session(browser.session_id)
    response = go(authorize.address(interaction) if interaction else "/")
    keep(response, users.begin_session(user))
    return response


@app.post("/logout")
def leave(
    browser: Visitor, interaction: Annotated[str, Form()] = "", csrf: Annotated[str, Form()] = ""
) -> Response:
    if browser.has_form(csrf):
        users.end_session(browser.session_id)
    return go(authorize.address(interaction) if interaction else "/login")


@app.get("/apps")
def apps(request: Request, browser: Visitor) -> Response:
    if not browser.user:
        return go("/login")
    return page(request, browser, "apps", apps=hospes.connected_apps(browser.user))


@app.post("/apps/disconnect")
def disconnect(
    browser: Visitor, client_id: Annotated[str, Form()] = "", csrf: Annotated[str, Form()] = ""
) -> Response:
    if browser.user and browser.has_form(csrf):
        hospes.disconnect(browser.user, client_id)
    return go("/apps")


@app.exception_handler(hospes.Refused)
def refused(request: Request, error: hospes.Refused) -> Response:
    """Never back to the other application: what is refused here may be its address."""
    return page(request, Browser(request), "problem", 400, problem=PROBLEMS.get(error.type, f"{error} ({error.type})"))


@app.exception_handler(hospes.Away)
def away(request: Request, _: hospes.Away) -> Response:
    again = f"{request.url.path}?{urlencode(request.query_params.multi_items())}" if request.method == "GET" else None
    problem = "What connects other apps to Logbook cannot be reached just now. Try again in a moment."
    return page(request, Browser(request), "problem", 503, problem=problem, again=again)


@app.exception_handler(404)
def not_found(request: Request, _: Exception) -> Response:
    return page(request, Browser(request), "problem", 404, problem="There is no such page.")


@app.exception_handler(RequestValidationError)
async def not_understood(request: Request, error: RequestValidationError) -> Response:
    if request.url.path.startswith("/api"):
        return await request_validation_exception_handler(request, error)
    return page(request, Browser(request), "problem", 400, problem="The form was not filled in as it should be.")


PROBLEMS = {
    "interaction_not_found": "This request is over. Go back to the app that sent you here, and begin again there.",
    "interaction_already_decided":
        "This request was answered already. Go back to the app that sent you here; it can begin again if it needs to.",
}
