"""Schemathesis sends what the description of the management API allows, and what it does not, and reads the answers."""

import base64
import json
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

ISSUER = os.environ["INTEROP_ISSUER"]
PROJECT = "project-test-11111111-1111-4111-8111-111111111111"
SECRET = "secret-test-for-interop-0123456789abcdef"
CREDENTIALS = base64.b64encode(f"{PROJECT}:{SECRET}".encode()).decode()


def call(method, path, body=None):
    request = urllib.request.Request(ISSUER + path, method=method, headers={"authorization": f"Basic {CREDENTIALS}"})
    if body is not None:
        request.add_header("content-type", "application/json")
        request.data = json.dumps(body).encode()
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def objects(name):
    """One object of each kind, by the name that paths have for its id."""
    user = call("POST", "/v1/users", {"email": f"{name}@example.com", "phone_number": f"+49301230{len(name)}"})
    app = {"client_type": "third_party", "redirect_urls": ["https://partner.example/callback"]}
    app = call("POST", "/v1/connected_apps/clients", app)["connected_app"]
    profile = {
        "name": "Elsewhere",
        "issuer": "https://login.example/",
        "audience": "harbour",
        "public_key_type": "JWK",
        "jwks_url": "https://login.example/keys",
        "attribute_mapping": {"email": "email", "token_id": "jti"},
    }
    profile = call("POST", "/v1/trusted_token_profiles", profile)["trusted_token_profile"]
    return {
        "user_id": user["user_id"],
        "email_id": user["email_id"],
        "phone_id": user["phone_id"],
        "client_id": app["client_id"],
        "connected_app_id": app["client_id"],
        "profile_id": profile["profile_id"],
        "secret_id": call("POST", "/v1/secrets", {})["secret"]["secret_id"],
    }


class Description(unittest.TestCase):
    def run_schemathesis(self, *arguments, ids):
        """Every check of answers, with the same requests in each run."""
        with tempfile.TemporaryDirectory() as directory:
            parameters = "".join(f'"path.{name}" = "{value}"\n' for name, value in ids.items())
            Path(directory, "schemathesis.toml").write_text(f"[parameters]\n{parameters}")
            checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
            command = [
                *(Path(sys.executable).with_name("schemathesis"), "run", f"{ISSUER}/v1/openapi.json"),
                *("--auth", f"{PROJECT}:{SECRET}", "--checks", f"{checks},ignored_auth,unsupported_method"),
                *("--phases", "coverage,fuzzing", "--max-examples", "20", "--generation-deterministic"),
                *("--mode", "all", "--no-color", *arguments),
            ]
            run = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=600)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertRegex(run.stdout, r"\d+ generated, \d+ passed", run.stdout)
        return run.stdout

    @classmethod
    def setUpClass(cls):
        # Before the requests below fill what a project has few of.
        cls.kept, cls.deleted = objects("kept"), objects("deleted")

    def test_no_call_fails_or_answers_what_is_not_described(self):
        out = self.run_schemathesis("--exclude-method", "DELETE", ids=self.kept)
        self.assertNotIn("returned only 401", out)

    def test_nor_does_any_that_deletes(self):
        self.run_schemathesis("--include-method", "DELETE", ids=self.deleted)


if __name__ == "__main__":
    unittest.main()
