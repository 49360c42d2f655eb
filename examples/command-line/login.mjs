// Login by the browser: it is sent to the server, and comes back to a port of this machine (RFC 8252).

import { once } from 'node:events';
import { createServer } from 'node:http';
import { openBrowser } from './browser.mjs';
import { page } from './page.mjs';
import { Problem } from './problem.mjs';
import { server } from './server.mjs';

const { SCOPE = 'openid profile email offline_access notes.read notes.write' } = process.env;

/** Logs somebody in. `keep` is given the tokens, so that the browser hears of success only when they are kept. */
export async function logIn({ opensBrowser, port, seconds, keep }) {
  const authorization = await server();
  const listener = await listen(port);
  try {
    const home = `127.0.0.1:${listener.address().port}`;
    const begun = await authorization.begin(`http://${home}/callback`, SCOPE);
    const isOpen = opensBrowser && (await openBrowser(begun.url));
    const invitation = isOpen ? 'Your browser has been opened. If you do not see it, open' : 'Open in a browser on this machine';
    console.error(`${invitation}:\n\n${begun.url}\n`);
    const { answer, respond } = await answerTo(listener, home, begun.state, seconds);
    try {
      const tokens = await authorization.redeem(begun, answer);
      const where = await keep(tokens);
      await respond(page('You are logged in', 'You may close this page and go back to the terminal.'));
      return { tokens, where };
    } catch (error) {
      const isNo = error.refusal === 'access_denied';
      await respond(page(isNo ? 'You said no' : 'That did not work', `${error.message}. Go back to the terminal.`), 400);
      throw isNo ? new Problem('you said no in the browser; nothing has changed') : error;
    }
  } finally {
    listener.close();
    listener.closeAllConnections();
  }
}

async function listen(port) {
  // RFC 8252 §7.3: any port will do, and only of this machine.
  const listener = createServer().listen(port, '127.0.0.1');
  try {
    await once(listener, 'listening');
  } catch (cause) {
    if (cause.code !== 'EADDRINUSE') throw new Problem(`port ${port} cannot be had`, { cause });
    throw new Problem(`port ${port} is taken; leave --port out, and a free one is found`);
  }
  return listener;
}

/** The first answer with our state, and how to respond to whoever brought it. Everything else is turned away. */
function answerTo(listener, home, state, seconds) {
  return new Promise((resolve, reject) => {
    const late = new Problem(`nobody has logged in for ${seconds} seconds; run it again when you are ready`);
    const timer = setTimeout(() => reject(late), seconds * 1000);
    const stop = () => {
      clearTimeout(timer);
      reject(new Problem('interrupted; nothing has changed', { exitCode: 130 }));
    };
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
    let isAnswered = false;
    listener.on('request', (request, response) => {
      const url = new URL(request.url, `http://${home}`);
      // A page elsewhere may know this port, even by a name of its own that leads here, but not the state.
      const isOurs = request.method === 'GET' && url.pathname === '/callback' && request.headers.host === home;
      if (!isOurs || url.searchParams.get('state') !== state || isAnswered) {
        return send(response, page('Nothing is waited for here', 'Begin again in the terminal.'), 404);
      }
      isAnswered = true;
      clearTimeout(timer);
      for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stop);
      return resolve({ answer: url, respond: (body, status = 200) => send(response, body, status) });
    });
  });
}

function send(response, body, status) {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    // The address has a code in it.
    'referrer-policy': 'no-referrer',
    connection: 'close',
  });
  return new Promise((resolve) => response.end(body, resolve));
}
