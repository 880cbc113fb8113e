/** The head of the page: brand, whether the pipeline can take a stream, whether these figures are of now, log out. */
import type { JSX } from 'preact';
import { formatTime } from './format.ts';
import type { RoomState } from './room-state.ts';

const Mark = (): JSX.Element => (
  <svg aria-hidden="true" viewBox="0 0 28 28" fill="none" stroke="currentColor" stroke-width="2">
    <rect x="1.5" y="4.5" width="25" height="19" rx="3.5" />
    <path d="M14 4.5v19" />
    <circle cx="14" cy="14" r="4" />
    <path class="brand-line" d="M1.5 23.5h25" stroke-width="3" stroke-linecap="round" />
  </svg>
);

/** See the head of this file. */
export const RoomHead = ({ state }: { readonly state: RoomState }): JSX.Element => (
  <>
    <a class="skip" href="#main">
      Skip to the channels
    </a>
    <header class="top">
      <a class="brand" href="/">
        <Mark />
        <span>Touchline</span>
        <span class="brand-room">Control room</span>
      </a>
      <Readiness state={state} />
      <nav aria-label="Sections">
        <a href="#channels">Channels</a>
        <a href="#workers">Workers</a>
        <a href="#queues">Queues</a>
        <a href="#edges">Edges</a>
        <a href="#services">Services</a>
      </nav>
      <form method="post" action="/logout">
        <button class="button">Log out</button>
      </form>
    </header>
    <Outage state={state} />
  </>
);

function Readiness({ state: { snapshot } }: { readonly state: RoomState }): JSX.Element {
  const missing = snapshot?.missing;
  return (
    <p class="readiness" role="status">
      {missing === undefined ? (
        ''
      ) : missing.length === 0 ? (
        <span class="level" data-level="good">
          Ready<span class="is-long"> for a stream</span>
        </span>
      ) : (
        <span class="level" data-level="bad" data-source="missing">
          Waiting for {missing.join(', ')}
        </span>
      )}
    </p>
  );
}

/** Figures that stand still must not pass for figures of now. */
function Outage({ state: { connection, snapshot } }: { readonly state: RoomState }): JSX.Element {
  const since = snapshot === undefined ? '' : ` What you see is from ${formatTime(snapshot.at)}.`;
  const text =
    connection.kind === 'lost'
      ? `No connection to the control room.${since} It comes back by itself.`
      : connection.kind === 'trouble'
        ? `${connection.message}${since}`
        : '';
  return (
    <div role="alert" class="outage" hidden={text === ''} data-connection={connection.kind}>
      {text}
    </div>
  );
}
