/** The login page, rendered here: it needs no script, and nothing that lies behind the login. */
import { createHash } from 'node:crypto';
import { html, Html } from './html.ts';

const STYLE = `
:root { color-scheme: dark; --ground: #0a0d10; --raised: #14191e; --line: #39424a; --text: #f2f5f7; --quiet: #a3adb6;
  --pitch: #36d27f; --bad: #ff8086; --focus: #8fd3ff; font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif }
* { box-sizing: border-box }
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; padding: 24px; color: var(--text);
  background: radial-gradient(90rem 42rem at 50% -14rem, #16241f 0%, transparent 70%) no-repeat, var(--ground) }
main { width: 100%; max-width: 400px }
.brand { display: flex; align-items: center; gap: 12px; margin: 0 0 24px; font-size: 19px; font-weight: 650; letter-spacing: -.01em }
.brand svg { width: 32px; height: 32px } .brand-line { stroke: var(--pitch) }
form { padding: 28px; border-radius: 14px; background: var(--raised);
  box-shadow: 0 0 0 1px rgb(255 255 255 / 7%), 0 24px 64px -24px rgb(0 0 0 / 80%) }
h1 { margin: 0 0 6px; font-size: 22px; font-weight: 680; letter-spacing: -.02em }
p { margin: 0 0 20px; color: var(--quiet) }
label { display: block; margin-bottom: 6px; font-size: 13px; font-weight: 600 }
input, button { width: 100%; height: 44px; border-radius: 8px; font: inherit }
input { padding: 0 12px; border: 1px solid #66727c; background: var(--ground); color: var(--text) }
button { margin-top: 16px; border: 0; background: var(--pitch); color: #04150c; font-weight: 650; cursor: pointer }
button:hover { background: #4be292 }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px }
.problem { margin: 12px 0 0; color: var(--bad) }
code { font: 13px/1 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; color: #d5dce1 }
`;

/** What the page may load: nothing but its own style, which the policy names by its hash. */
export const LOGIN_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256')
  .update(STYLE)
  .digest('base64')}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

const MARK = new Html(
  `<svg aria-hidden="true" viewBox="0 0 28 28" fill="none" stroke="currentColor" stroke-width="2"><rect x="1.5" y="4.5" width="25" height="19" rx="3.5"/><path d="M14 4.500v19"/><circle cx="14" cy="14" r="4"/><path class="brand-line" d="M1.5 23.500h25" stroke-width="3" stroke-linecap="round"/></svg>`,
);

/** The login page, with what was wrong with the last attempt. */
export const loginPage = (problem?: string): string =>
  `<!doctype html>${html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>Log in · Touchline</title>
      ${new Html(`<style>${STYLE}</style>`)}
    </head>
    <body>
      <main>
        <div class="brand">${MARK}<span>Touchline</span></div>
        <form method="post" action="/login">
          <h1>Control room</h1>
          <p id="hint">The terminal that runs <code>npm start</code> shows the admin token.</p>
          <input type="text" name="username" autocomplete="username" value="admin" hidden />
          <label for="token">Admin token</label>
          <input
            id="token"
            type="password"
            name="token"
            autocomplete="current-password"
            aria-describedby="${problem === undefined ? 'hint' : 'problem'}"
            required
            autofocus
          />
          ${problem === undefined ? html`` : html`<p class="problem" id="problem" role="alert">${problem}</p>`}
          <button>Log in</button>
        </form>
      </main>
    </body>
  </html>`.toString()}`;
