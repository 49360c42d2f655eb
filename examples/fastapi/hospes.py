"""What Logbook's back end says to Hospes: a few calls of the management API."""

import os
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import httpx

import users
from users import User

ISSUER = os.environ.get("ISSUER", "http://localhost:8080")

_client = httpx.Client(base_url=ISSUER, auth=(os.environ["PROJECT_ID"], os.environ["SECRET"]), timeout=10)


class Refused(Exception):
    """Hospes says no; `type` is the name of the reason, as in `interaction_not_found`."""

    def __init__(self, answer: dict) -> None:
        super().__init__(answer.get("error_message", "no reason was given"))
        self.type = answer.get("error_type", "")


class Away(Exception):
    """Hospes cannot be reached, or asks for patience."""


def _call(method: str, path: str, body: dict | None = None) -> dict:
    try:
        response = _client.request(method, path, json=body)
        answer = response.json()
    except (httpx.TransportError, ValueError) as error:
        raise Away from error
    if response.status_code >= 500 or response.status_code == 429:
        raise Away
    if response.is_error:
        raise Refused(answer)
    return answer


def _interaction(interaction: str, step: str = "") -> str:
    return f"/v1/interactions/{quote(interaction, safe='')}{step}"


def open_interaction(interaction: str, user: User | None) -> dict:
    """What is to be done about a request that waits, given who is signed in here."""
    body = {"interaction_id": interaction}
    if user:
        body["user_id"] = id_of(user)
    return _call("POST", "/v1/interactions", body)


def see(interaction: str) -> dict:
    """The same for nobody in particular, and without going on."""
    return _call("GET", _interaction(interaction))


def logged_in(interaction: str, user: User) -> None:
    """The user has just logged in for this request, or has chosen to go on with this account."""
    _call("POST", _interaction(interaction, "/login"), {"user_id": id_of(user)})


def allow(interaction: str, user: User, scopes: list[str], days: int | None) -> dict:
    """The user says yes, to these scope values, for so many days or until they take it back."""
    ends_at = datetime.now(timezone.utc) + timedelta(days=days) if days else None
    body = {"decision": "allow", "scopes": scopes, "user_id": id_of(user)}
    return _decide(interaction, user, body | ({"expires_at": f"{ends_at:%Y-%m-%dT%H:%M:%SZ}"} if ends_at else {}))


def deny(interaction: str, user: User | None) -> dict:
    """The user says no; nobody need be logged in for that."""
    return _decide(interaction, user, {"decision": "deny"})


def _decide(interaction: str, user: User | None, body: dict) -> dict:
    try:
        return _call("POST", _interaction(interaction, "/decide"), body)
    except Refused as refused:
        if refused.type != "interaction_already_decided" or not user:
            raise
        # The form came twice, or the first answer was lost on its way here: the same user is told once more.
        return open_interaction(interaction, user)


def connected_apps(user: User) -> list[dict]:
    """The applications that may act for a user."""
    return _call("GET", f"/v1/users/{quote(id_of(user))}/connected_apps")["connected_apps"]


def disconnect(user: User, client_id: str) -> None:
    """Ends what an application may do for a user, and all tokens that it has for it."""
    _call("POST", f"/v1/users/{quote(id_of(user))}/connected_apps/{quote(client_id, safe='')}/revoke")


def id_of(user: User) -> str:
    """The id by which Hospes knows a user: it is told of them when it first needs to know."""
    if user.hospes_id:
        return user.hospes_id
    external_id = f"logbook-{user.id}"
    first_name, _, last_name = user.name.partition(" ")
    told = {
        "external_id": external_id, "email": user.email, "roles": [user.role],
        "name": {"first_name": first_name, "last_name": last_name},
    }
    try:
        made = _call("POST", "/v1/users", told)
    except Refused as refused:
        if "duplicate" not in refused.type:
            raise
        # Told before, but the answer was lost.
        made = _call("GET", f"/v1/users/{external_id}")
    users.keep_hospes_id(user, made["user_id"])
    return made["user_id"]
