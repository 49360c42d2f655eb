"""Makes a Hospes for Logbook, in the folder `server`, by the commands that anybody would type."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path("server")
POLICY = Path(__file__).parent.parent / "policy.toml"


def set_up(issuer: str, logbook_url: str) -> dict[str, str]:
    """What Logbook needs to know of its Hospes, which is made if it is not there."""
    known = FOLDER / "logbook.json"
    if known.exists():
        return json.loads(known.read_text())
    if FOLDER.exists():
        sys.exit(f'The folder "{FOLDER}" is there, but was not finished. Remove it to begin anew.')
    FOLDER.mkdir()
    try:
        project = _hospes("init", "--issuer", issuer, "--name", "Logbook")
        # What may be asked for, in words for the consent page; which roles users have; and the name of the API.
        _hospes("policy", "apply", str(POLICY.resolve()))
        # Users are asked at Logbook, not by Hospes' own pages.
        _hospes("settings", "set", "authorization_url", f"{logbook_url}/authorize")
        # Somebody else's program, which can keep no secret; any port of this machine will do for the answer.
        lantern = _hospes(
            "client", "add", "--name", "Lantern", "--public", "--native", "--redirect-uri", "http://127.0.0.1/callback"
        )
    except subprocess.CalledProcessError as error:
        shutil.rmtree(FOLDER)
        sys.exit(error.returncode)
    found = {
        "PROJECT_ID": project["project_id"], "SECRET": project["secret"], "CLIENT_ID": lantern["client_id"],
        "LOGBOOK_KEY": secrets.token_hex(32),
    }
    # The secrets in it are for this user's eyes only.
    with open(os.open(known, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(found, file, indent=2)
    return found


def _hospes(*command: str) -> dict:
    print("hospes", *command, flush=True)
    program = os.environ.get("HOSPES", "hospes")
    if not shutil.which(program):
        shutil.rmtree(FOLDER)
        sys.exit(f"{program} is not there. In the repository: cargo install --locked --path crates/server")
    done = subprocess.run([program, "--json", *command], cwd=FOLDER, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout) if done.stdout.strip() else {}
