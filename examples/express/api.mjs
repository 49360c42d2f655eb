// The API of Notes, for its own pages, and for whoever comes with an access token of Hospes.

import { Router, json } from 'express';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import { userById } from './accounts.mjs';

export const api = Router();

const { ISSUER } = process.env;
// As the policy of Hospes names it: tokens for other APIs are not for this one.
const API = 'https://api.example.com/notes';
const keys = createRemoteJWKSet(new URL(`${ISSUER}/.well-known/jwks.json`));

api.use(async (request, response, next) => {
  const token = request.headers.authorization?.match(/^Bearer (.+)$/i)?.[1];
  if (!token) return next();
  const refuse = (status, error) =>
    response.status(status).set('www-authenticate', `Bearer error="${error}"`).json({ error });
  const scope = request.method === 'GET' ? 'notes.read' : 'notes.write';
  try {
    const { payload } = await jwtVerify(token, keys, { issuer: ISSUER, audience: API, typ: 'at+jwt' });
    if (!payload.scope?.split(' ').includes(scope)) return refuse(403, 'insufficient_scope');
    request.user = userById(payload.external_id);
    if (!request.user) return refuse(401, 'invalid_token');
  } catch (error) {
    // Anything else is no fault of the token's.
    if (!(error instanceof errors.JOSEError)) throw error;
    return refuse(401, 'invalid_token');
  }
  next();
});

api.use((request, response, next) => {
  request.user ??= request.session?.user;
  if (request.user) next();
  else response.status(401).json({ error: 'log in first' });
});

api.get('/notes', ({ user }, response) => response.json(user.notes));

api.post('/notes', json(), ({ user, body }, response) => {
  if (typeof body?.note !== 'string') return response.status(400).json({ error: 'send {"note": "…"}' });
  user.notes.push(body.note);
  response.status(201).json(user.notes);
});
