"""Logbook's notes for programs: whoever has an access token of Hospes for this API may do what its user allowed."""

import os
from collections.abc import Callable
from typing import Annotated

import jwt
from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field

import users
from hospes import ISSUER
from users import User

# What policy.toml calls this API, and so the audience of its tokens.
AUDIENCE = os.environ.get("LOGBOOK_AUDIENCE", "https://api.example.com/notes")
ALGORITHMS = ["ES256", "RS256", "EdDSA"]

router = APIRouter(prefix="/api")
# It fetches the keys once, and again when a token names a new one.
_keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", cache_keys=True, timeout=5)


class Note(BaseModel):
    """Something to write down."""

    text: Annotated[str, Field(min_length=1, max_length=2000)]


def allowed(scope: str) -> Callable[[Request], User]:
    """The user for whom a program acts that was allowed `scope`; everybody else is told why not (RFC 6750 §3)."""

    def check(request: Request) -> User:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _refusal(401)
        claims = _claims(token.strip())
        user = users.with_hospes_id(claims["sub"])
        if not user:
            raise _refusal(401, "invalid_token", "the token is of nobody who has an account here")
        if scope not in claims.get("scope", "").split():
            raise _refusal(403, "insufficient_scope", "the user did not allow this", scope)
        return user

    return check


def _claims(token: str) -> dict:
    """What a token says, once all of it is checked (RFC 9068 §4)."""
    try:
        # An ID token is signed by the same keys, and is no key to an API.
        if jwt.get_unverified_header(token).get("typ", "").lower() not in ("at+jwt", "application/at+jwt"):
            raise jwt.InvalidTokenError("this is not an access token")
        key = _keys.get_signing_key_from_jwt(token)
        required = {"require": ["iss", "aud", "sub", "exp", "client_id"]}
        expected = {"audience": AUDIENCE, "issuer": ISSUER, "options": required}
        return jwt.decode(token, key, algorithms=ALGORITHMS, leeway=5, **expected)
    except jwt.PyJWKClientConnectionError as error:
        raise HTTPException(503, "the keys of the tokens cannot be fetched", {"Retry-After": "5"}) from error
    except (jwt.InvalidTokenError, jwt.PyJWKClientError) as error:
        raise _refusal(401, "invalid_token", str(error)) from error


def _refusal(status: int, error: str = "", description: str = "", scope: str = "") -> HTTPException:
    # Without a token nothing went wrong yet, so there is no error to name.
    said = {"realm": "logbook", "error": error, "error_description": description.replace('"', "'"), "scope": scope}
    challenge = ", ".join(f'{name}="{value}"' for name, value in said.items() if value)
    return HTTPException(status, description or "send an access token", {"WWW-Authenticate": f"Bearer {challenge}"})


@router.get("/notes")
def read(user: Annotated[User, Depends(allowed("notes.read"))]) -> dict:
    return {"notes": users.notes_of(user)}


@router.post("/notes", status_code=201)
def write(note: Note, user: Annotated[User, Depends(allowed("notes.write"))]) -> Note:
    users.add_note(user, note.text)
    return note
