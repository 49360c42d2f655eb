"""Lantern, somebody else's program: it gets tokens for a user of Logbook, and uses them at Logbook's API.

A stand-in to try Logbook with, for one person at a time. A real one takes a library (Authlib, for one) and keeps what
belongs to a browser in that browser's session.
"""

import hashlib
import os
import secrets
from base64 import urlsafe_b64encode
from html import escape
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

ISSUER, LOGBOOK_URL, CLIENT_ID = os.environ["ISSUER"], os.environ["LOGBOOK_URL"], os.environ["CLIENT_ID"]
CALLBACK = f"{os.environ['GUEST_URL']}/callback"
SCOPE = "openid notes.read notes.write"

app = FastAPI(openapi_url=None)
# What was sent away with, by state: an answer without such a beginning is not for us.
begun: dict[str, str] = {}


@app.get("/")
def home() -> Response:
    return show("Lantern", "<p>May I read and write your notes at Logbook?</p><p><a href='/go'>Connect</a></p>")


@app.get("/go")
def begin() -> Response:
    state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
    begun[state] = verifier
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {
        "response_type": "code", "client_id": CLIENT_ID, "redirect_uri": CALLBACK, "scope": SCOPE, "state": state,
        "code_challenge": challenge, "code_challenge_method": "S256",
    }
    return RedirectResponse(f"{ISSUER}/oauth2/authorize?{urlencode(asked)}", 303)


@app.get("/callback")
def finish(request: Request) -> Response:
    answer = request.query_params
    verifier = begun.pop(answer.get("state", ""), None)
    # RFC 9207 §2.4: the answer comes from the server that was asked.
    if not verifier or answer.get("iss") != ISSUER:
        return show("That is no answer to me", "<p><a href='/'>Begin again</a></p>", 400)
    if "error" in answer:
        return show("You said no", f"<p>{escape(answer['error'])}</p><p><a href='/'>Begin again</a></p>")
    form = {
        "grant_type": "authorization_code", "code": answer.get("code", ""), "redirect_uri": CALLBACK,
        "client_id": CLIENT_ID, "code_verifier": verifier,
    }
    tokens = httpx.post(f"{ISSUER}/oauth2/token", data=form).json()
    if "access_token" not in tokens:
        return show("No tokens", f"<p>{escape(str(tokens))}</p>", 400)
    api = httpx.Client(base_url=LOGBOOK_URL, headers={"authorization": f"Bearer {tokens['access_token']}"})
    written = api.post("/api/notes", json={"text": "Lantern was here."})
    notes = api.get("/api/notes").json().get("notes", [])
    outcome = "was written" if written.status_code == 201 else f"was refused: {escape(written.text)}"
    listed = "".join(f"<li>{escape(note)}</li>" for note in notes)
    allowed = f"<p>I was allowed {escape(tokens['scope'])}.</p>"
    return show("Connected", f"{allowed}<p>A note {outcome}.</p><ul>{listed}</ul>")


def show(title: str, content: str, status: int = 200) -> HTMLResponse:
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
    response = HTMLResponse(f"{head}<body data-page=guest><main><h1>{title}</h1>{content}</main>", status)
    response.headers["content-security-policy"] = "default-src 'none'; frame-ancestors 'none'"
    response.headers["referrer-policy"] = "no-referrer"
    return response
