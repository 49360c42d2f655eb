"""Logbook's users, their passwords, their sessions and their notes, as it has had them all along.

Nothing here knows of Hospes, but for one column: the id under which it knows a user.
"""

import hashlib
import hmac
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DATABASE = Path(os.environ.get("LOGBOOK_DATABASE", "server/logbook.db"))
SESSION_SECONDS = 14 * 24 * 3600

SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL,
    salt BLOB NOT NULL, password_hash BLOB NOT NULL, hospes_id TEXT UNIQUE
);
CREATE TABLE IF NOT EXISTS sessions (
    id_hash BLOB PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, ends_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, text TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class User:
    """Somebody with an account here."""

    id: int
    email: str
    name: str
    role: str
    hospes_id: str | None


@contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(DATABASE, timeout=10)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def create(people: list[tuple[str, str, str, str]]) -> None:
    """Makes the tables, and the accounts of `people`: address, name, role and password each."""
    with _database() as database:
        database.executescript(SCHEMA)
        for email, name, role, password in people:
            salt = secrets.token_bytes(16)
            database.execute(
                "INSERT OR IGNORE INTO users (email, name, role, salt, password_hash) VALUES (?, ?, ?, ?, ?)",
                (email, name, role, salt, _hash(password, salt)),
            )


def log_in(email: str, password: str) -> User | None:
    """The user with this address and password."""
    with _database() as database:
        row = database.execute("SELECT id, salt, password_hash FROM users WHERE email = ?", (email,)).fetchone()
    # It takes as long for an address that nobody has.
    user_id, salt, expected = row or (0, bytes(16), bytes(32))
    is_right = hmac.compare_digest(_hash(password, salt), expected)
    return _find("id", user_id) if row and is_right else None


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**15, r=8, p=1, maxmem=2**26, dklen=32)


def with_hospes_id(hospes_id: str) -> User | None:
    """The user whom Hospes knows by this id."""
    return _find("hospes_id", hospes_id)


def keep_hospes_id(user: User, hospes_id: str) -> None:
    """Remembers by which id Hospes knows a user."""
    with _database() as database:
        database.execute("UPDATE users SET hospes_id = ? WHERE id = ?", (hospes_id, user.id))


def _find(column: str, value: int | str) -> User | None:
    with _database() as database:
        query = f"SELECT id, email, name, role, hospes_id FROM users WHERE {column} = ?"
        row = database.execute(query, (value,)).fetchone()
    return User(*row) if row else None


def begin_session(user: User) -> str:
    """Begins a session; the answer is for the cookie. Only its hash is kept."""
    session_id = secrets.token_urlsafe(32)
    with _database() as database:
        database.execute("DELETE FROM sessions WHERE ends_at < ?", (int(time.time()),))
        row = (_id_hash(session_id), user.id, int(time.time()) + SESSION_SECONDS)
        database.execute("INSERT INTO sessions VALUES (?, ?, ?)", row)
    return session_id


def end_session(session_id: str) -> None:
    """Signs a browser out."""
    with _database() as database:
        database.execute("DELETE FROM sessions WHERE id_hash = ?", (_id_hash(session_id),))


def of_session(session_id: str) -> User | None:
    """Whoever is signed in in the browser with this cookie."""
    with _database() as database:
        query = "SELECT user_id FROM sessions WHERE id_hash = ? AND ends_at >= ?"
        row = database.execute(query, (_id_hash(session_id), int(time.time()))).fetchone()
    return _find("id", row[0]) if row else None


def _id_hash(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()


def notes_of(user: User) -> list[str]:
    """What a user has written down, the latest first."""
    with _database() as database:
        query = "SELECT text FROM notes WHERE user_id = ? ORDER BY id DESC LIMIT 100"
        return [text for (text,) in database.execute(query, (user.id,))]


def add_note(user: User, text: str) -> None:
    """Writes something down for a user."""
    with _database() as database:
        database.execute("INSERT INTO notes (user_id, text) VALUES (?, ?)", (user.id, text))
