"""Authlib's client against a running Hospes: what most Python applications use."""

import base64
import json
import os
import subprocess
import unittest
from urllib.parse import parse_qs, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from person import ISSUER, Person

# The server under test speaks plain HTTP on loopback.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

METADATA = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=20).json()
CLEO = Person("cleo")


def hospes(*command):
    """The command line of the server under test."""
    run = [os.environ["INTEROP_HOSPES"], "--config", os.environ["INTEROP_CONFIG"], "--json", *command]
    output = subprocess.run(run, check=True, capture_output=True, text=True, timeout=30).stdout
    return json.loads(output) if output.strip() else None


def session(client_id, secret, method, redirect_uri, scope):
    return OAuth2Session(
        client_id, secret, scope=scope, redirect_uri=redirect_uri,
        token_endpoint_auth_method=method, revocation_endpoint_auth_method=method, code_challenge_method="S256",
    )


def sign_in(client, **extra):
    """The whole code flow; returns the tokens and the verified claims of the ID token."""
    verifier, nonce = generate_token(48), generate_token()
    url, state = client.create_authorization_url(
        METADATA["authorization_endpoint"], code_verifier=verifier, nonce=nonce, **extra
    )
    answer = CLEO.authorize(url)
    parameters = parse_qs(urlsplit(answer).query)
    assert parameters["iss"] == [ISSUER], parameters
    tokens = client.fetch_token(
        METADATA["token_endpoint"], authorization_response=answer, code_verifier=verifier, state=state
    )
    return tokens, id_token_claims(tokens["id_token"], client.client_id, nonce)


def id_token_claims(token, audience, nonce):
    keys = KeySet.import_key_set(requests.get(METADATA["jwks_uri"], timeout=20).json())
    claims = jwt.decode(token, keys, algorithms=METADATA["id_token_signing_alg_values_supported"]).claims
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        exp={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    registry.validate(claims)
    return claims


class Authlib(unittest.TestCase):
    def test_confidential_client_signs_in_and_refreshes(self):
        client = session(
            "web", "web-secret-for-tests-0123456789abcdef", "client_secret_basic",
            "https://web.example/callback", "openid profile email offline_access notes.read",
        )
        tokens, claims = sign_in(client)
        info = client.get(METADATA["userinfo_endpoint"], timeout=20).json()
        self.assertEqual(info["sub"], claims["sub"])
        self.assertEqual(info["name"], "Cleo Mole")
        self.assertIsInstance(tokens["expires_in"], int)
        self.assertNotIn(None, tokens.values())
        refreshed = client.refresh_token(METADATA["token_endpoint"], refresh_token=tokens["refresh_token"])
        self.assertNotEqual(refreshed["access_token"], tokens["access_token"])
        self.assertEqual(refreshed["refresh_token"], tokens["refresh_token"])

    def test_public_client_rotates(self):
        client = session("spa", None, "none", "https://spa.example/callback", "openid offline_access")
        tokens, _ = sign_in(client)
        first = tokens["refresh_token"]
        refreshed = client.refresh_token(METADATA["token_endpoint"], refresh_token=first)
        self.assertNotEqual(refreshed["refresh_token"], first)
        again = client.refresh_token(METADATA["token_endpoint"], refresh_token=first)
        self.assertEqual(again["refresh_token"], refreshed["refresh_token"])

    def test_client_secret_post(self):
        client = session(
            "post", "post-secret-for-tests-0123456789abcdef", "client_secret_post",
            "https://post.example/callback", "openid offline_access",
        )
        tokens, _ = sign_in(client)
        answer = client.introspect_token(METADATA["introspection_endpoint"], token=tokens["access_token"]).json()
        self.assertTrue(answer["active"])
        revoked = client.revoke_token(METADATA["revocation_endpoint"], token=tokens["refresh_token"])
        self.assertEqual(revoked.status_code, 200)
        answer = client.introspect_token(METADATA["introspection_endpoint"], token=tokens["access_token"]).json()
        self.assertEqual(answer, {"active": False})
        with self.assertRaises(OAuthError) as refused:
            client.refresh_token(METADATA["token_endpoint"], refresh_token=tokens["refresh_token"])
        self.assertEqual(refused.exception.error, "invalid_grant")

    def test_a_secret_that_form_encoding_changes_is_sent_raw(self):
        secret = "s3cr3t/+=%2D:&?~0123456789-abcdef"
        client = OAuth2Session("odd-conf", secret, token_endpoint_auth_method="client_secret_basic")
        tokens = client.fetch_token(METADATA["token_endpoint"], grant_type="client_credentials", scope="notes.read")
        self.assertEqual(tokens["token_type"].lower(), "bearer")
        wrong = OAuth2Session("odd-conf", secret[:-1], token_endpoint_auth_method="client_secret_basic")
        with self.assertRaises(OAuthError) as refused:
            wrong.fetch_token(METADATA["token_endpoint"], grant_type="client_credentials", scope="notes.read")
        self.assertEqual(refused.exception.error, "invalid_client")

    def test_a_client_id_that_is_a_url(self):
        client = session(
            "https://a.example/x:y?z=1", "url-secret-for-tests-0123456789abcdef", "client_secret_post",
            "https://a.example/callback", "openid offline_access",
        )
        tokens, claims = sign_in(client)
        self.assertEqual(claims["aud"], "https://a.example/x:y?z=1")
        client.refresh_token(METADATA["token_endpoint"], refresh_token=tokens["refresh_token"])

    def test_private_key_jwt_and_its_audience(self):
        key = ECKey.generate_key("P-256", parameters={"kid": "one", "use": "sig", "alg": "ES256"})
        path = os.path.join(os.environ["INTEROP_DIRECTORY"], "authlib.jwks")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"keys": [key.as_dict(private=False)]}, file)
        for client_id, flags in (("py-jwt", ()), ("py-jwt-lax", ("--assertion-audience-token-endpoint",))):
            hospes(
                "client", "add", "--id", client_id, "--name", "By key", "--auth-method", "private_key_jwt",
                "--jwks-file", path, "--grant", "client_credentials", "--scope", "notes.read", "--party", "first", *flags,
            )

        def ask(client_id, audience):
            client = OAuth2Session(client_id, key, token_endpoint_auth_method="private_key_jwt")
            client.register_client_auth_method(PrivateKeyJWT(audience, alg="ES256", headers={"kid": "one"}))
            return client.fetch_token(METADATA["token_endpoint"], grant_type="client_credentials", scope="notes.read")

        ask("py-jwt", ISSUER)
        ask("py-jwt-lax", ISSUER)
        ask("py-jwt-lax", METADATA["token_endpoint"])
        with self.assertRaises(OAuthError) as refused:
            ask("py-jwt", METADATA["token_endpoint"])
        self.assertEqual(refused.exception.error, "invalid_client")

    def test_basic_that_cannot_be_read_is_refused(self):
        for text in ("nocolon", ":", "web:", ":secret", "web\xff:x", "%zz:%zz"):
            basic = base64.b64encode(text.encode("latin1")).decode()
            answer = requests.post(
                METADATA["token_endpoint"], data={"grant_type": "client_credentials"},
                headers={"Authorization": f"Basic {basic}"}, timeout=20,
            )
            self.assertIn(answer.status_code, (400, 401), text)
            self.assertIn(answer.json()["error"], ("invalid_client", "invalid_request"), text)


if __name__ == "__main__":
    unittest.main()
