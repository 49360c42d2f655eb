"""The official Python SDK of Stytch, as the host app's back end uses it, against the management API."""

import base64
import hashlib
import secrets
import time
import unittest

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
import jwt
from stytch import Client
from stytch.consumer.models.sessions import AuthorizationCheck
from stytch.core.response_base import StytchError

from person import ISSUER

PROJECT = "project-test-11111111-1111-4111-8111-111111111111"
SECRET = "secret-test-for-interop-0123456789abcdef"
CALLBACK = "https://partner.example/callback"
PASSWORD = "A quite unusual sentence 4711"

client = Client(project_id=PROJECT, secret=SECRET, environment=ISSUER, suppress_warnings=True)


def extension(method, path, body=None):
    """Our extensions, which the SDK does not know."""
    answer = requests.request(method, f"{ISSUER}{path}", json=body, auth=(PROJECT, SECRET), timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


def unique():
    return secrets.token_hex(6)


def setUpModule():
    extension("PATCH", "/v1/settings", {"stytch": {"enabled": True, "issuer": "project_id"}})


class Stories(unittest.TestCase):
    def refused(self, status, error_type, call, *arguments, **named):
        with self.assertRaises(StytchError) as raised:
            call(*arguments, **named)
        details = raised.exception.details
        self.assertEqual((details.status_code, details.error_type), (status, error_type), details)

    def test_the_credentials_belong_to_the_project(self):
        self.assertEqual(client.debug.whoami().project_id, PROJECT)
        stranger = Client(project_id=PROJECT, secret="secret-test-wrong", environment=ISSUER, suppress_warnings=True)
        self.refused(401, "unauthorized_credentials", stranger.debug.whoami)

    def test_a_public_app_goes_through_the_code_flow_and_rotates_its_refresh_tokens(self):
        app = client.connected_app.clients.create(
            client_type="third_party_public", client_name="Partner", redirect_urls=[CALLBACK]
        ).connected_app
        self.assertIsNone(app.client_secret)
        email = f"py-{unique()}@example.com"
        login = client.passwords.create(email=email, password=PASSWORD, session_duration_minutes=60)
        client.users.update(user_id=login.user_id, roles=["member"])
        asked = {
            "client_id": app.client_id, "redirect_uri": CALLBACK, "response_type": "code",
            "scopes": ["openid", "offline_access", "notes.read", "notes.write"], "session_jwt": login.session_jwt,
        }
        start = client.idp.oauth.authorize_start(**asked)
        self.assertTrue(start.consent_required)
        self.assertTrue(all(own.is_grantable for own in start.scope_results))
        self.refused(400, "pkce_required_for_idp_authorization_flow", client.idp.oauth.authorize, consent_granted=True, **asked)
        verifier = secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        code = client.idp.oauth.authorize(consent_granted=True, code_challenge=challenge, **asked).authorization_code

        def token(**fields):
            url = f"{ISSUER}/v1/public/{PROJECT}/oauth2/token"
            return requests.post(url, json={"client_id": app.client_id, **fields}, timeout=20)

        redeemed = token(grant_type="authorization_code", code=code, code_verifier=verifier, redirect_uri=CALLBACK)
        self.assertEqual(redeemed.status_code, 200, redeemed.text)
        tokens = redeemed.json()
        local = client.idp.introspect_access_token_local(access_token=tokens["access_token"])
        self.assertEqual(local.subject, login.user_id)
        network = client.idp.introspect_token_network(
            token=tokens["access_token"], client_id=app.client_id,
            authorization_check=AuthorizationCheck(resource_id="notes", action="write"),
        )
        self.assertEqual(network.subject, login.user_id)
        self.assertIn(PROJECT, network.audience)
        refreshed = token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        self.assertEqual(refreshed.status_code, 200, refreshed.text)
        self.assertNotEqual(refreshed.json()["refresh_token"], tokens["refresh_token"])

        self.assertFalse(client.idp.oauth.authorize_start(**{**asked, "scopes": ["openid", "notes.read"]}).consent_required)
        apps = client.users.connected_apps(user_id=login.user_id).connected_apps
        self.assertEqual([own.connected_app_id for own in apps], [app.client_id])
        client.users.revoke(user_id=login.user_id, connected_app_id=app.client_id)
        self.assertIsNone(client.idp.introspect_token_network(token=tokens["access_token"], client_id=app.client_id))
        self.assertGreaterEqual(token(grant_type="refresh_token", refresh_token=refreshed.json()["refresh_token"]).status_code, 400)
        client.connected_app.clients.delete(client_id=app.client_id)

    def test_a_machine_gets_tokens_by_json(self):
        made = client.m2m.clients.create(scopes=["notes.read"], client_name="Night watch")
        machine = made.m2m_client
        answer = client.m2m.token(client_id=machine.client_id, client_secret=machine.client_secret, scopes=["notes.read"])
        claims = client.m2m.authenticate_token(access_token=answer.access_token, required_scopes=["notes.read"])
        self.assertEqual((claims.client_id, claims.scopes), (machine.client_id, ["notes.read"]))
        self.assertIsNone(client.m2m.authenticate_token(access_token=answer.access_token[:-4] + "AAAA"))
        started = client.m2m.clients.secrets.rotate_start(client_id=machine.client_id)
        client.m2m.clients.secrets.rotate_cancel(client_id=machine.client_id)
        with self.assertRaises(StytchError):
            client.m2m.token(client_id=machine.client_id, client_secret=started.m2m_client.next_client_secret)
        found = client.m2m.clients.search(
            query={"operator": "AND", "operands": [{"filter_name": "client_id", "filter_value": [machine.client_id]}]}
        )
        self.assertEqual([own.client_id for own in found.m2m_clients], [machine.client_id])
        client.m2m.clients.delete(client_id=machine.client_id)

    def test_users_sessions_and_passwords(self):
        made = client.users.create(email=f"py-{unique()}@example.com", name={"first_name": "Pia"}, untrusted_metadata={"a": 1})
        self.assertEqual(made.phone_id, "")
        client.users.update(user_id=made.user_id, untrusted_metadata={"a": None, "b": [1]})
        self.assertEqual(client.users.get(user_id=made.user_id).untrusted_metadata, {"b": [1]})
        total = client.users.search(
            query={"operator": "AND", "operands": [{"filter_name": "user_id", "filter_value": [made.user_id]}]}
        ).results_metadata.total
        self.assertEqual(total, 1)
        client.users.delete(user_id=made.user_id)
        self.refused(404, "user_not_found", client.users.get, user_id=made.user_id)

        email = f"py-{unique()}@example.com"
        made = client.passwords.create(email=email, password=PASSWORD)
        client.users.update(user_id=made.user_id, roles=["reader"])
        login = client.passwords.authenticate(email=email, password=PASSWORD, session_duration_minutes=30)
        local = client.sessions.authenticate_jwt_local(session_jwt=login.session_jwt)
        self.assertEqual((local.session_id, local.user_id), (login.session.session_id, made.user_id))
        self.assertIn("reader", local.roles)
        again = client.sessions.authenticate(
            session_token=login.session_token, authorization_check={"resource_id": "notes", "action": "read"}
        )
        self.assertEqual(again.verdict.granting_roles, ["reader"])
        keys = client.sessions.get_jwks(project_id=PROJECT).keys
        self.assertTrue(keys)
        client.sessions.revoke(session_jwt=login.session_jwt)
        self.refused(404, "session_not_found", client.sessions.authenticate, session_token=login.session_token)
        self.assertFalse(client.passwords.strength_check(password="password1").valid_password)

    def test_a_pbkdf2_hash_is_taken_over(self):
        password, salt = "The old harbour wall 1887", secrets.token_bytes(16)
        digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 100_000, 32)
        email = f"py-{unique()}@example.com"
        made = client.passwords.migrate(
            email=email, hash=base64.b64encode(digest).decode(), hash_type="pbkdf_2",
            pbkdf_2_config={
                "salt": base64.b64encode(salt).decode(), "iteration_amount": 100_000, "key_length": 32, "algorithm": "sha256",
            },
        )
        self.assertTrue(made.user_created)
        self.assertEqual(client.passwords.authenticate(email=email, password=password).user_id, made.user_id)
        self.refused(401, "unauthorized_credentials", client.passwords.authenticate, email=email, password="not that")

    def test_a_jwt_of_the_login_that_the_host_app_has_becomes_a_session(self):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        profile = extension("POST", "/v1/trusted_token_profiles", {
            "name": "The login we have", "issuer": "https://login.example/", "audience": "harbour", "public_key_type": "PEM",
            "pem_files": [pem.decode()], "attribute_mapping": {"email": "email", "token_id": "jti", "external_user_id": "sub"},
            "can_jit_provision": True,
        })["trusted_token_profile"]
        now = int(time.time())
        claims = {
            "iss": "https://login.example/", "aud": "harbour", "sub": f"auth0|{unique()}", "jti": unique(),
            "email": f"py-{unique()}@example.com", "iat": now, "exp": now + 300,
        }
        login = client.sessions.attest(
            profile_id=profile["profile_id"], token=jwt.encode(claims, key, algorithm="RS256"), session_duration_minutes=60
        )
        self.assertEqual(login.user.emails[0].email, claims["email"])
        forged = jwt.encode({**claims, "jti": unique()}, "the public key or any other text of enough bytes", algorithm="HS256")
        with self.assertRaises(StytchError):
            client.sessions.attest(profile_id=profile["profile_id"], token=forged)

    def test_the_policy_is_read(self):
        policy = client.rbac.policy().policy
        self.assertIn("reader", [role.role_id for role in policy.roles])


if __name__ == "__main__":
    unittest.main()
