// The API of Notes, for its own pages: who is logged in is known by the session.

import { Router, json } from 'express';

export const api = Router();

api.use((request, response, next) => {
  request.user = request.session?.user;
  if (request.user) next();
  else response.status(401).json({ error: 'log in first' });
});

api.get('/notes', ({ user }, response) => response.json(user.notes));

api.post('/notes', json(), ({ user, body }, response) => {
  if (typeof body?.note !== 'string') return response.status(400).json({ error: 'send {"note": "…"}' });
  user.notes.push(body.note);
  response.status(201).json(user.notes);
});
