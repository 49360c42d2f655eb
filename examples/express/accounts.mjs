// The users of Notes, their passwords and their sessions, as they have been all along.

import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';

const users = ['ada', 'ben'].map((name) => {
  const salt = randomBytes(16);
  const password = scryptSync('correct horse battery staple', salt, 32);
  return { id: `notes-${name}`, email: `${name}@notes.example`, salt, password, notes: ['Buy bread'] };
});

export const userById = (id) => users.find((user) => user.id === id);

/** The user with this address and password. */
export function checkPassword(email, password) {
  const user = users.find((user) => user.email === email);
  const given = scryptSync(password, user?.salt ?? 'nobody', 32);
  return user && timingSafeEqual(given, user.password) ? user : undefined;
}

const sessions = new Map();

/** Begins a session; the answer is what goes into the cookie. */
export function beginSession(user) {
  const id = randomBytes(32).toString('base64url');
  sessions.set(id, { id, user, since: Math.floor(Date.now() / 1000) });
  return id;
}

export const sessionById = (id) => sessions.get(id);
export const endSession = (id) => sessions.delete(id);
