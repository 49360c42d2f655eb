"""For each call that needs more than luck to succeed: records in the state that it wants, and a request that names them.

A story begins anew each time, so that none depends on what another left behind.
"""

import base64
import hashlib
import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

import management
from management import call

# RFC 7636, appendix B.
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
# By the call: a function that answers with `path_parameters`, `query` and `body`, as far as there are any.
STORIES = {}


def story(*calls):
    def register(tell):
        for name in calls:
            STORIES[name] = tell
        return tell

    return register


def path(**parameters):
    return {"path_parameters": parameters}


def body(**members):
    return {"body": members}


# ---------------------------------------------------------------- connected apps and machines

APP = "/v1/connected_apps/clients"
MACHINE = "/v1/m2m/clients"


@story(f"GET {APP}/{{client_id}}", f"DELETE {APP}/{{client_id}}", f"POST {APP}/{{client_id}}/secrets/rotate/start")
def an_app():
    return path(client_id=management.app()["client_id"])


@story(f"POST {APP}")
def a_new_app():
    return body(client_type="third_party_public", client_name="Partner", redirect_urls=[management.CALLBACK])


@story(f"PUT {APP}/{{client_id}}")
def a_change_of_an_app():
    return an_app() | body(client_name="Partner two", post_logout_redirect_urls=["https://partner.example/bye"])


@story(f"POST {APP}/{{client_id}}/secrets/rotate", f"POST {APP}/{{client_id}}/secrets/rotate/cancel")
def an_app_whose_secret_rotates():
    client_id = management.app()["client_id"]
    call("POST", f"{APP}/{client_id}/secrets/rotate/start")
    return path(client_id=client_id)


@story(f"GET {MACHINE}/{{client_id}}", f"DELETE {MACHINE}/{{client_id}}", f"POST {MACHINE}/{{client_id}}/secrets/rotate/start")
def a_machine():
    return path(client_id=management.machine()["client_id"])


@story(f"POST {MACHINE}")
def a_new_machine():
    return body(client_name="Night watch", scopes=["notes.read"], trusted_metadata={"floor": 3})


@story(f"PUT {MACHINE}/{{client_id}}")
def a_change_of_a_machine():
    return a_machine() | body(status="inactive")


@story(f"POST {MACHINE}/{{client_id}}/secrets/rotate", f"POST {MACHINE}/{{client_id}}/secrets/rotate/cancel")
def a_machine_whose_secret_rotates():
    client_id = management.machine()["client_id"]
    call("POST", f"{MACHINE}/{client_id}/secrets/rotate/start")
    return path(client_id=client_id)


@story(f"POST {MACHINE}/search")
def a_search_for_a_machine():
    filters = [{"filter_name": "client_id", "filter_value": [management.machine()["client_id"]]}]
    return body(limit=3, query={"operator": "AND", "operands": filters})


# ---------------------------------------------------------------- the host app's page


@story("POST /v1/idp/oauth/authorize/start")
def a_request_of_an_app():
    return {"body": management.authorization(management.app()["client_id"], session_token=management.login()["session_token"])}


@story("POST /v1/idp/oauth/authorize")
def an_answer_to_an_app():
    asked = management.authorization(management.app()["client_id"], user_id=management.user()["user_id"])
    return {"body": {**asked, "consent_granted": True, "state": "x", "code_challenge": CHALLENGE}}


INTERACTION = "/v1/interactions/{interaction_id}"
BINDING = base64.urlsafe_b64encode(hashlib.sha256(b"the session at the host app").digest()).decode().rstrip("=")


@story("POST /v1/interactions")
def a_query():
    app = management.app()
    asked = management.authorization(app["client_id"], scope="openid email", state="x", code_challenge=CHALLENGE)
    del asked["scopes"]
    query = urllib.parse.urlencode(asked | {"code_challenge_method": "S256"})
    return body(query=query, browser_binding=BINDING, user_id=management.user()["user_id"])


def an_interaction():
    asked = a_query()["body"]
    return call("POST", "/v1/interactions", asked)["interaction_id"], asked["user_id"]


@story(f"GET {INTERACTION}")
def an_interaction_that_waits():
    return path(interaction_id=an_interaction()[0])


@story(f"POST {INTERACTION}/login")
def a_user_who_logs_in():
    interaction_id, user_id = an_interaction()
    return path(interaction_id=interaction_id) | body(user_id=user_id, browser_binding=BINDING)


@story(f"POST {INTERACTION}/decide")
def a_user_who_decides():
    interaction_id, user_id = an_interaction()
    decision = {"decision": "allow", "scopes": ["openid", "email"], "user_id": user_id, "browser_binding": BINDING}
    return path(interaction_id=interaction_id) | body(**decision)


# ---------------------------------------------------------------- the same page, from the browser; who calls has a session

NONCE = base64.urlsafe_b64encode(hashlib.sha256(b"made by the page").digest()).decode().rstrip("=")
PAGE_INTERACTION = "/interactions/{interaction_id}"


@story("POST /interactions")
def a_query_of_a_page():
    return body(query=a_query()["body"]["query"], nonce=NONCE)


def an_interaction_of_a_page():
    return management.from_page("/interactions", a_query_of_a_page()["body"])["interaction_id"]


@story(f"POST {PAGE_INTERACTION}/login")
def a_user_whom_a_page_has_logged_in():
    return path(interaction_id=an_interaction_of_a_page()) | body(nonce=NONCE)


@story(f"POST {PAGE_INTERACTION}/decide")
def a_user_who_turns_back():
    return path(interaction_id=an_interaction_of_a_page()) | body(decision="deny", nonce=NONCE)


@story("POST /account/session")
def a_password_on_a_page():
    return body(email=management.login()["email"], password=management.PASSWORD)


@story("DELETE /account/connected_apps/{client_id}")
def an_app_that_was_not_connected():
    return path(client_id=management.app()["client_id"])


# ---------------------------------------------------------------- public tokens


@story("DELETE /v1/public_tokens/{public_token}")
def a_public_token():
    return path(public_token=management.public_token())


# ---------------------------------------------------------------- passwords


@story("POST /v1/passwords")
def a_new_password():
    return body(email=management.address(), password=management.PASSWORD, session_duration_minutes=60)


@story("POST /v1/passwords/authenticate")
def a_password():
    return body(email=management.login()["email"], password=management.PASSWORD, session_duration_minutes=60)


@story("POST /v1/passwords/email/reset/start")
def a_forgotten_password():
    return body(email=management.login()["email"], locale="en")


@story("POST /v1/passwords/email/reset")
def a_mail_for_a_forgotten_password():
    return body(token=management.reset_token(), password="Another unusual sentence 4711")


@story("POST /v1/passwords/existing_password/reset")
def a_password_that_is_known():
    email = management.login()["email"]
    return body(email=email, existing_password=management.PASSWORD, new_password="Another unusual sentence 4711")


@story("POST /v1/passwords/session/reset")
def a_password_by_a_session():
    return body(session_token=management.login()["session_token"], password="Another unusual sentence 4711")


@story("POST /v1/passwords/migrate")
def a_password_from_elsewhere():
    stored = "5f4dcc3b5aa765d61d8327deb882cf99"
    return body(email=management.address(), hash=stored, hash_type="md_5", roles=["reader"])


# ---------------------------------------------------------------- sessions


@story("GET /v1/sessions")
def the_sessions_of_a_user():
    return {"query": {"user_id": management.login()["user_id"]}}


@story("POST /v1/sessions/authenticate", "POST /v1/sessions/revoke")
def a_session():
    return body(session_token=management.login()["session_token"])


@story("POST /v1/sessions/exchange_access_token")
def an_access_token():
    return body(access_token=management.access_token(), session_duration_minutes=60)


KEY = ec.generate_private_key(ec.SECP256R1())


@story("POST /v1/sessions/attest")
def a_token_of_another_issuer():
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    keys = {"public_key_type": "PEM", "jwks_url": None, "pem_files": [public.decode()]}
    profile = management.profile(**keys, can_jit_provision=True)
    now = int(time.time())
    claims = {"iss": profile["issuer"], "aud": "harbour", "iat": now, "exp": now + 300, "jti": "1", "email": management.address()}
    token = jwt.encode(claims, KEY, algorithm="ES256")
    return body(profile_id=profile["profile_id"], token=token, session_duration_minutes=60)


class LoginBefore(BaseHTTPRequestHandler):
    """The userinfo endpoint of another login, whose access tokens are addresses in base64url."""

    def do_GET(self):
        try:
            email = base64.urlsafe_b64decode(self.headers["authorization"].removeprefix("Bearer ")).decode()
        except ValueError:
            self.send_error(401)
            return
        answer = json.dumps({"sub": "1", "email": email, "email_verified": True}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@story("POST /v1/sessions/migrate")
def a_session_of_the_login_before():
    server = HTTPServer(("127.0.0.1", 0), LoginBefore)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    call("PATCH", "/v1/settings", {"session_migration_url": f"http://127.0.0.1:{server.server_port}/userinfo"})
    token = base64.urlsafe_b64encode(management.login()["email"].encode()).decode()
    return body(session_token=token, session_duration_minutes=60)


# ---------------------------------------------------------------- users

USER = "/v1/users/{user_id}"


@story(
    *(f"{method} {USER}" for method in ("GET", "DELETE")),
    *(f"POST {USER}/{change}" for change in ("disable", "enable", "sign_out_everywhere", "unlock")),
)
def a_user():
    return path(user_id=management.user()["user_id"])


@story("POST /v1/users")
def a_new_user():
    name = {"first_name": "Ada", "last_name": "Quay"}
    return body(email=management.address(), phone_number=management.phone_number(), name=name, roles=["reader"])


@story(f"PUT {USER}")
def a_change_of_a_user():
    return a_user() | body(name={"first_name": "Ben"}, trusted_metadata={"plan": "gold"})


@story("POST /v1/users/search")
def a_search_for_a_user():
    filters = [{"filter_name": "user_id", "filter_value": [management.user()["user_id"]]}]
    return body(limit=3, query={"operator": "AND", "operands": filters})


@story(f"PUT {USER}/exchange_primary_factor")
def a_user_with_another_address():
    user = call("POST", "/v1/users", {"email": management.address()})
    return path(user_id=user["user_id"]) | body(email_address=management.address())


@story(f"DELETE {USER}/external_id")
def a_user_with_an_external_id():
    return path(user_id=management.user(external_id=f"id-{time.time_ns()}")["user_id"])


@story("DELETE /v1/users/emails/{email_id}")
def an_address():
    return path(email_id=management.user()["email_id"])


@story("DELETE /v1/users/phone_numbers/{phone_id}")
def a_phone_number():
    return path(phone_id=management.user()["phone_id"])


@story("DELETE /v1/users/passwords/{password_id}")
def a_stored_password():
    return path(password_id=management.login()["user"]["password"]["password_id"])


def a_consent():
    user, app = management.user(), management.app()
    asked = management.authorization(app["client_id"], user_id=user["user_id"])
    call("POST", "/v1/idp/oauth/authorize", {**asked, "consent_granted": True, "nonce": "n"})
    return {"user_id": user["user_id"], "connected_app_id": app["client_id"]}


@story(f"GET {USER}/connected_apps")
def a_user_who_consented():
    return path(user_id=a_consent()["user_id"])


@story(f"POST {USER}/connected_apps/{{connected_app_id}}/revoke")
def a_user_who_disconnects_an_app():
    return path(**a_consent())


# ---------------------------------------------------------------- the project


@story("PUT /v1/rbac/policy")
def the_policy_as_it_is():
    policy = call("GET", "/v1/rbac/policy")["policy"]
    everybody, *roles = policy["roles"]
    resources = [
        {"resource_id": own["resource_id"], "description": own["description"], "available_actions": own["actions"]}
        for own in policy["resources"]
    ]
    return body(
        stytch_user={"permissions": everybody["permissions"]},
        custom_roles=roles,
        custom_resources=resources,
        custom_scopes=policy["scopes"],
    )


@story("PATCH /v1/settings")
def a_setting():
    return {"body": {"audit_days": 90}}


@story("DELETE /v1/secrets/{secret_id}")
def a_secret():
    return path(secret_id=call("POST", "/v1/secrets", {})["secret"]["secret_id"])


PROFILE = "/v1/trusted_token_profiles"


@story(f"GET {PROFILE}/{{profile_id}}", f"DELETE {PROFILE}/{{profile_id}}")
def a_profile():
    return path(profile_id=management.profile()["profile_id"])


@story(f"POST {PROFILE}")
def a_new_profile():
    own = management.profile()
    return body(**{name: own[name] for name in ("name", "issuer", "audience", "public_key_type", "jwks_url", "attribute_mapping")})


@story(f"PUT {PROFILE}/{{profile_id}}")
def a_change_of_a_profile():
    return a_profile() | body(can_jit_provision=True, host_check_url="https://app.example/check")


WEBHOOK = "/v1/webhooks/{webhook_id}"


@story(f"GET {WEBHOOK}", f"DELETE {WEBHOOK}", f"POST {WEBHOOK}/rotate_secret", f"GET {WEBHOOK}/deliveries")
def a_webhook():
    return path(webhook_id=management.webhook()["webhook_id"])


@story("POST /v1/webhooks")
def a_new_webhook():
    # There must be room for it.
    management.webhook()
    return body(url=management.HOOKS, kinds=["*"])


@story(f"PUT {WEBHOOK}")
def a_change_of_a_webhook():
    return a_webhook() | body(kinds=["user.added", "user.changed"])
