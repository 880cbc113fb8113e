/** The control room and its login, rendered here: plain pages that need no script. */
import { createHash } from 'node:crypto';
import type { ServiceRecord } from '../../common/contracts/status.ts';
import { html, Html } from './html.ts';
import type { ChannelView, StatusView } from './schemas.ts';

const REFRESH_SECONDS = 5;

const STYLE = `
:root { color-scheme: dark; --line: #2b3440; --dim: #93a1b3; --live: #ff4d4f; --good: #4ecb71; --warn: #f0b429 }
* { box-sizing: border-box }
body { margin: 0; background: #10151c; color: #e8edf3; font: 15px/1.5 system-ui, sans-serif }
header { display: flex; align-items: baseline; gap: 1rem; padding: 1rem 2rem; border-bottom: 1px solid var(--line) }
h1 { font-size: 1.2rem; margin: 0 } header form { margin-left: auto }
main { max-width: 70rem; margin: 0 auto; padding: 1.5rem 2rem; display: grid; gap: 1.5rem }
section { border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.25rem; background: #151b24 }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; display: flex; gap: .75rem; align-items: center }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums }
th { text-align: left; font-weight: 500; color: var(--dim) } td, th { padding: .25rem .75rem .25rem 0 }
a { color: #7fb8ff } .dim { color: var(--dim) } .wide { overflow-x: auto }
.tag { font-size: .75rem; font-weight: 600; padding: .1rem .5rem; border-radius: 99px; border: 1px solid var(--line); color: var(--dim) }
.live { background: var(--live); border-color: var(--live); color: #fff } .good { color: var(--good) } .bad { color: var(--live) }
.warning { color: var(--warn); margin: .4rem 0 0 }
button, input { font: inherit; padding: .45rem .8rem; border-radius: 6px; border: 1px solid var(--line); background: #1d2530; color: inherit }
.login { max-width: 24rem; margin: 15vh auto; display: grid; gap: .75rem } .login input { width: 100% }
`;

/** What the pages may load: nothing but their own style. */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256')
  .update(STYLE)
  .digest('base64')}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

const page = (title: string, head: Html, body: Html): string =>
  `<!doctype html>${html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${title}</title>
      ${head} ${new Html(`<style>${STYLE}</style>`)}
    </head>
    <body>
      ${body}
    </body>
  </html>`.toString()}`;

/** The login page. */
export const loginPage = (problem?: string): string =>
  page(
    'Log in · Touchline',
    html``,
    html`<form class="login" method="post" action="/login">
      <h1>Touchline control room</h1>
      <label
        >Admin token
        <input type="password" name="token" autocomplete="current-password" required autofocus
      /></label>
      ${problem === undefined ? html`` : html`<p class="warning" role="alert">${problem}</p>`}
      <button>Log in</button>
    </form>`,
  );

/** What the control room shows. */
export interface ControlRoom {
  readonly channels: readonly { readonly channel: ChannelView; readonly status: StatusView }[];
  readonly services: readonly ServiceRecord[];
  readonly missing: readonly string[];
  /** Address of an edge, for links to watch pages. */
  readonly edge: string | undefined;
}

/** The control room. */
export const controlRoomPage = ({ channels, services, missing, edge }: ControlRoom): string =>
  page(
    'Control room · Touchline',
    html`<meta http-equiv="refresh" content="${REFRESH_SECONDS}" />`,
    html`<header>
        <h1>Touchline</h1>
        ${
          missing.length === 0
            ? html`<span class="good">ready for a stream</span>`
            : html`<span class="bad">waiting for ${missing.join(', ')}</span>`
        }
        <form method="post" action="/logout"><button>Log out</button></form>
      </header>
      <main>
        ${channels.map((entry) => channelSection(entry.channel, entry.status, edge))}
        ${servicesSection(services)}
      </main>`,
  );

function channelSection(channel: ChannelView, status: StatusView, edge: string | undefined): Html {
  const feeds = status.feeds.map((feed) =>
    feed.connected
      ? html`<p>
          Feed ${feed.slot}: ${(feed.bitrateBps / 1e6).toFixed(1)} Mb/s,
          ${feed.width}×${feed.height}, ${feed.fps.toFixed(2)} fps, keyframe every
          ${feed.keyframeSeconds === null ? '?' : feed.keyframeSeconds.toFixed(1)} s
          <span class="dim">${feed.encoder}</span>
        </p>`
      : html`<p class="dim">Feed ${feed.slot}: not connected</p>`,
  );
  return html`<section>
    <h2>
      ${channel.name}
      ${status.onAir ? html`<span class="tag live">ON AIR</span>` : html`<span class="tag">off air</span>`}
      <span class="dim">${channel.id} · ${status.fps ?? 'rate from the first feed'}</span>
      ${
        edge === undefined
          ? html``
          : html`<a href="${edge}/watch/${channel.id}" rel="noreferrer">watch</a>`
      }
    </h2>
    ${feeds.length === 0 ? html`<p class="dim">No feed yet.</p>` : feeds}
    ${status.onAir ? renditionTable(status) : html``}
    ${status.warnings.map(({ message }) => html`<p class="warning">${message}</p>`)}
  </section>`;
}

const renditionTable = (status: StatusView): Html =>
  html`<div class="wide">
    <table>
      <tr>
        <th>Rendition</th>
        <th>Published</th>
        <th>Behind</th>
      </tr>
      ${status.renditions.map(
        ({ id, published, lagMs }) =>
          html`<tr>
            <td>${id}</td>
            <td>${published ?? '–'}</td>
            <td>${lagMs === null ? '–' : `${(lagMs / 1000).toFixed(1)} s`}</td>
          </tr>`,
      )}
    </table>
  </div>`;

const servicesSection = (services: readonly ServiceRecord[]): Html =>
  html`<section>
    <h2>Services</h2>
    <div class="wide">
      <table>
        <tr>
          <th>Service</th>
          <th>Id</th>
          <th>State</th>
          <th>Address</th>
        </tr>
        ${services.map(
          ({ service, id, ready, url }) =>
            html`<tr>
              <td>${service}</td>
              <td>${id}</td>
              <td>
                ${ready ? html`<span class="good">ready</span>` : html`<span class="bad">not ready</span>`}
              </td>
              <td class="dim">${url}</td>
            </tr>`,
        )}
      </table>
    </div>
  </section>`;
