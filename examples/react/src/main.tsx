import { useSession } from '@hospes/sdk/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter, Link, Outlet, Route, Routes } from 'react-router';
import { Authorize } from './Authorize';
import { Login } from './Login';
import { Settings } from './Settings';
import { hospes } from './hospes';
import './style.css';

function Frame() {
  const user = useSession(hospes);
  return (
    <>
      <header>
        <Link to="/">Harbour</Link>
        <nav>{user ? <Link to="/settings">{user.name ?? user.email}</Link> : <Link to="/login">Sign in</Link>}</nav>
      </header>
      <main>
        <Outlet />
      </main>
    </>
  );
}

function Home() {
  return (
    <section>
      <h1>Harbour</h1>
      <p>Programs that you connect may read and write your notes.</p>
      <p>
        <Link to="/settings">Connected apps</Link>
      </p>
    </section>
  );
}

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <BrowserRouter>
      <Routes>
        {/* Nothing leads away from a question. */}
        <Route path="/authorize" element={<main><Authorize /></main>} />
        <Route element={<Frame />}>
          <Route index element={<Home />} />
          <Route path="/login" element={<Login />} />
          <Route path="/settings" element={<Settings />} />
          <Route path="*" element={<h1>There is no such page</h1>} />
        </Route>
      </Routes>
    </BrowserRouter>
  </StrictMode>,
);
