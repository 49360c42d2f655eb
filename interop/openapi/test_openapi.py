"""Schemathesis sends what the descriptions of our APIs allow, and what they do not, and reads the answers."""

import collections
import json
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

import management
import stories
from management import ISSUER, PROJECT, SECRET, call

NO_SUCH_FACTOR = "nobody has such a factor, so there is none to delete"
# Calls that cannot succeed here, and why.
NEVER_SUCCEED = {
    "DELETE /v1/users/biometric_registrations/{biometric_registration_id}": NO_SUCH_FACTOR,
    "DELETE /v1/users/crypto_wallets/{crypto_wallet_id}": NO_SUCH_FACTOR,
    "DELETE /v1/users/oauth/{oauth_user_registration_id}": NO_SUCH_FACTOR,
    "DELETE /v1/users/totps/{totp_id}": NO_SUCH_FACTOR,
    "DELETE /v1/users/webauthn_registrations/{webauthn_registration_id}": NO_SUCH_FACTOR,
}


def records():
    """A record of each kind, by the name that requests have for its id."""
    login, user = management.login(), management.user()
    return {
        "user_id": user["user_id"],
        "email_id": user["email_id"],
        "phone_id": user["phone_id"],
        "password_id": login["user"]["password"]["password_id"],
        "client_id": (app := management.app())["client_id"],
        "connected_app_id": app["client_id"],
        "machine": management.machine()["client_id"],
        "profile_id": management.profile()["profile_id"],
        "webhook_id": management.webhook()["webhook_id"],
        "secret_id": call("POST", "/v1/secrets", {})["secret"]["secret_id"],
        "public_token": management.public_token(),
        "interaction_id": stories.an_interaction()[0],
        # In bodies only.
        "session_token": login["session_token"],
        "session_jwt": login["session_jwt"],
        "email": login["email"],
        "redirect_uri": management.CALLBACK,
        "response_type": "code",
    }


class Description(unittest.TestCase):
    def run_schemathesis(self, document, *arguments, known):
        """Every check of answers, with the same requests in each run; the answer is what was seen, call by call."""
        with tempfile.TemporaryDirectory() as directory:
            parameters = "".join(f'"path.{name}" = "{value}"\n' for name, value in known.items())
            configuration = f"[parameters]\n{parameters}\n"
            if machine := known.get("machine"):
                # It has an id of the same name as an app.
                configuration += f'[[operations]]\ninclude-path-regex = "^/v1/m2m/"\nparameters = {{ "path.client_id" = "{machine}" }}\n'
            Path(directory, "schemathesis.toml").write_text(configuration)
            seen = Path(directory, "seen")
            seen.touch()
            checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
            command = [
                *(Path(sys.executable).with_name("schemathesis"), "run", f"{ISSUER}/v1/{document}"),
                *("--checks", f"{checks},ignored_auth,unsupported_method"),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", "20", "--generation-deterministic"),
                *("--mode", "all", "--no-color", *arguments),
            ]
            hooks = {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(Path(__file__).parent)}
            tells = {"OPENAPI_SEEN": str(seen), "OPENAPI_KNOWN": json.dumps(known)}
            run = subprocess.run(
                command, cwd=directory, env=os.environ | hooks | tells, capture_output=True, text=True, timeout=900
            )
            lines = [json.loads(line) for line in seen.read_text().splitlines()]
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertRegex(run.stdout, r"\d+ generated, \d+ passed", run.stdout)
        return lines

    def check_that_each_succeeded(self, document, seen, never):
        """One request of each call must have, but for those of `never`."""
        statuses = collections.defaultdict(collections.Counter)
        for operation, status in seen:
            statuses[operation][status] += 1
        with urllib.request.urlopen(f"{ISSUER}/v1/{document}") as response:
            paths = json.load(response)["paths"]
        described = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
        for operation in sorted(described):
            print(f"{operation:76}", " ".join(f"{status}×{count}" for status, count in sorted(statuses[operation].items())))
        succeeded = {operation for operation in described if any(200 <= status < 300 for status in statuses[operation])}
        self.assertEqual(described - succeeded - never.keys(), set(), "no request of these calls succeeded")
        self.assertEqual(succeeded & never.keys(), set(), "these can succeed after all")
        self.assertEqual(never.keys() - described, set(), "these calls are gone")

    def setUp(self):
        reset = {"url": "https://app.example/reset", "types": [{"type": "RESET_PASSWORD", "is_default": True}]}
        call("PATCH", "/v1/settings", {"stytch": {"enabled": True}, "redirect_urls": [reset]})

    def test_every_call_answers_as_it_is_described_and_one_of_each_succeeds(self):
        # Before the requests below fill what a project has few of.
        kept, deleted = records(), records()
        # Whatever deletes comes first: the other calls may take the policy away, by which the stories live.
        document, secret = "openapi.json", ("--auth", f"{PROJECT}:{SECRET}")
        seen = self.run_schemathesis(document, *secret, "--include-method", "DELETE", known=deleted)
        seen += self.run_schemathesis(document, *secret, "--exclude-method", "DELETE", known=kept)
        self.check_that_each_succeeded(document, seen, NEVER_SUCCEED)

    def test_every_call_by_a_page_answers_as_it_is_described_and_one_of_each_succeeds(self):
        known = {"interaction_id": stories.an_interaction_of_a_page(), "client_id": management.app()["client_id"]}
        # A session that is none is 404 by Stytch's contract, where this check wants 401.
        document, without = "openapi-browser.json", ("--exclude-checks", "ignored_auth")
        seen = []
        # A sign-out ends the session, so that what follows needs another.
        for method in ("--include-method", "--exclude-method"):
            session = ("--header", f"Authorization: Bearer {management.login()['session_token']}")
            seen += self.run_schemathesis(document, *session, *without, method, "DELETE", known=known)
        self.check_that_each_succeeded(document, seen, {})


if __name__ == "__main__":
    unittest.main()
