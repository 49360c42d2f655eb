"""Starts Hospes, Logbook, and a guest to try it with; at the first time it makes them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from set_up import set_up

ISSUER = os.environ.get("ISSUER", "http://localhost:8080")
LOGBOOK_URL = os.environ.get("LOGBOOK_URL", "http://localhost:8000")
GUEST_URL = os.environ.get("GUEST_URL", "http://127.0.0.1:8001")
PASSWORD = "correct horse battery staple"
PEOPLE = [
    ("ada@logbook.example", "Ada Quay", "writer", PASSWORD),
    ("ben@logbook.example", "Ben Pier", "writer", PASSWORD),
    ("cleo@logbook.example", "Cleo Mole", "reader", PASSWORD),
]


def main() -> int:
    # Another Hospes on this machine may have the usual port for operators.
    os.environ.setdefault("HOSPES_OPERATIONS_LISTEN", "none")
    os.environ |= {"ISSUER": ISSUER, "LOGBOOK_URL": LOGBOOK_URL, "GUEST_URL": GUEST_URL, **set_up(ISSUER, LOGBOOK_URL)}
    # Not before the folder is there.
    import users

    users.create(PEOPLE)
    serve = [os.environ.get("HOSPES", "hospes"), "--config", "server/hospes.toml", "serve"]
    commands = serve, uvicorn("app", LOGBOOK_URL), uvicorn("guest", GUEST_URL)
    running = [subprocess.Popen(command) for command in commands]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        for url in (f"{ISSUER}/.well-known/openid-configuration", f"{LOGBOOK_URL}/login", GUEST_URL):
            wait_for(url, running)
        print(f"\nHospes is at {ISSUER} (process {running[0].pid}), Logbook at {LOGBOOK_URL}")
        print(f"Its users are ada, ben (they may write) and cleo (she may read) @logbook.example; password: {PASSWORD}")
        print(f"\nA guest that wants to read and write Ada's notes: open {GUEST_URL}\nCtrl-C ends it all.", flush=True)
        return watch(*running)
    except KeyboardInterrupt:
        return 0
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def uvicorn(module: str, url: str) -> list[str]:
    address = urlsplit(url)
    listen = ["--host", address.hostname or "", "--port", str(address.port or 80)]
    rest = ["--app-dir", str(Path(__file__).parent), "--log-level", "warning", "--no-server-header"]
    return [sys.executable, "-m", "uvicorn", f"{module}:app", *listen, *rest]


def wait_for(url: str, running: list[subprocess.Popen]) -> None:
    """Waits until something answers, or one of them has ended."""
    while all(process.poll() is None for process in running):
        try:
            httpx.get(url).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.1)
    sys.exit("It does not start; the reason is above. Is one of the ports taken?")


def watch(hospes: subprocess.Popen, *apps: subprocess.Popen) -> int:
    """Waits until one of the applications ends. Without Hospes they go on: people can log in, and nothing is lost."""
    is_there = True
    while all(process.poll() is None for process in apps):
        if is_there and hospes.poll() is not None:
            is_there = False
            print("Hospes has ended. To have it back: hospes --config server/hospes.toml serve", flush=True)
        time.sleep(0.2)
    return 1


if __name__ == "__main__":
    sys.exit(main())
