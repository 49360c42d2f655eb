"""Our APIs as these tests call them, and the records that they need there."""

import base64
import hashlib
import itertools
import json
import os
import re
import secrets
import time
import urllib.parse
import urllib.request
from pathlib import Path

ISSUER = os.environ["INTEROP_ISSUER"]
PROJECT = "project-test-11111111-1111-4111-8111-111111111111"
SECRET = "secret-test-for-interop-0123456789abcdef"
CREDENTIALS = base64.b64encode(f"{PROJECT}:{SECRET}".encode()).decode()
MAILS = Path(os.environ["INTEROP_DIRECTORY"], "mail")
PASSWORD = "A quite unusual sentence 4711"
CALLBACK = "https://partner.example/callback"
# Nobody listens there.
HOOKS = "https://127.0.0.1:9/hooks"
PHONE_NUMBERS = itertools.count(secrets.randbelow(10**8))


def call(method, path, body=None):
    """The members of a 200; anything else is an error, with what the server says."""
    request = urllib.request.Request(ISSUER + path, method=method, headers={"authorization": f"Basic {CREDENTIALS}"})
    if body is not None:
        request.add_header("content-type", "application/json")
        request.data = json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None


def from_page(path, body):
    """A call by a page of the host app, which has no secret."""
    request = urllib.request.Request(ISSUER + path, data=json.dumps(body).encode(), headers={"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def form(path, fields):
    with urllib.request.urlopen(ISSUER + path, data=urllib.parse.urlencode(fields).encode()) as response:
        return json.load(response)


def address():
    return f"{secrets.token_hex(6)}@example.com"


def phone_number():
    return f"+4930{next(PHONE_NUMBERS) % 10**8:08}"


def user(**members):
    return call("POST", "/v1/users", {"email": address(), "phone_number": phone_number(), **members})


def login():
    """A user with a password who is logged in; `email` is theirs."""
    email = address()
    made = call("POST", "/v1/passwords", {"email": email, "password": PASSWORD, "session_duration_minutes": 60})
    return {**made, "email": email}


def app(client_type="third_party", **members):
    body = {"client_type": client_type, "client_name": "Partner", "redirect_urls": [CALLBACK], **members}
    return call("POST", "/v1/connected_apps/clients", body)["connected_app"]


def machine():
    return call("POST", "/v1/m2m/clients", {"client_name": "Night watch", "scopes": ["notes.read"]})["m2m_client"]


def profile(**members):
    body = {
        "name": "Elsewhere",
        "issuer": "https://login.example/",
        "audience": "harbour",
        "public_key_type": "JWK",
        "jwks_url": "https://login.example/keys",
        "attribute_mapping": {"email": "email", "token_id": "jti"},
        **members,
    }
    return call("POST", "/v1/trusted_token_profiles", body)["trusted_token_profile"]


def webhook():
    """Another webhook; a project has few, so those of before go."""
    for old in call("GET", "/v1/webhooks")["webhooks"][5:]:
        call("DELETE", f"/v1/webhooks/{old['webhook_id']}")
    body = {"url": HOOKS, "kinds": ["user.disabled"]}
    return call("POST", "/v1/webhooks", body)["webhook"]


def public_token():
    """Another public token; a project has few, so those of before go."""
    for old in call("GET", "/v1/public_tokens")["public_tokens"][5:]:
        call("DELETE", f"/v1/public_tokens/{old['public_token']}")
    return call("POST", "/v1/public_tokens", {})["public_token"]["public_token"]


def authorization(client_id, **members):
    """What an app asks of the host app's page."""
    return {
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scopes": ["openid", "email", "notes.read"],
        **members,
    }


def access_token():
    """Of a first party with the scope `full_access`, on a session."""
    first = app("first_party", full_access_allowed=True)
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = authorization(first["client_id"], scopes=["openid", "full_access"], session_token=login()["session_token"])
    answer = call("POST", "/v1/idp/oauth/authorize", {**asked, "consent_granted": True, "code_challenge": challenge})
    fields = {"grant_type": "authorization_code", "code": answer["authorization_code"], "redirect_uri": CALLBACK}
    client = {"client_id": first["client_id"], "client_secret": first["client_secret"]}
    return form("/v1/oauth2/token", {**fields, **client, "code_verifier": verifier})["access_token"]


def reset_token():
    """Of the mail with which somebody sets a new password."""
    email = login()["email"]
    before = set(MAILS.glob("*.eml"))
    call("POST", "/v1/passwords/email/reset/start", {"email": email})
    for _ in range(200):
        for mail in set(MAILS.glob("*.eml")) - before:
            text = mail.read_text().replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")
            if email in text and (found := re.search(r"token_type=reset_password&token=([\w-]+)", text)):
                return found[1]
        time.sleep(0.02)
    raise AssertionError(f"no mail came to {MAILS}")
