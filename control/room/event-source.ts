/** Listens to `/v1/events` for as long as the page is open, and comes back by itself. */
import {
  endSchema,
  historySchema,
  snapshotSchema,
  troubleSchema,
} from '#common/contracts/control-room';
import type { RoomEvent } from './room-state.ts';

const PATH = '/v1/events';
/** A snapshot comes every second; after this long without a word the connection counts as lost. */
const SILENCE_MS = 5_000;
const AGAIN_MS = 2_000;

const toLogin = (): void => {
  location.assign('/login');
};

/** Calls back with every event; never ends. */
export function listenToRoom(onEvent: (event: RoomEvent) => void): void {
  let silence: ReturnType<typeof setTimeout> | undefined;
  let source: EventSource | undefined;

  const again = (): void => {
    clearTimeout(silence);
    source?.close();
    source = undefined;
    onEvent({ kind: 'lost' });
    setTimeout(() => void comeBack(), AGAIN_MS);
  };
  const heard = (): void => {
    clearTimeout(silence);
    silence = setTimeout(again, SILENCE_MS);
  };
  /** EventSource does not tell why it was refused; a session that is over cannot be waited for. */
  const comeBack = async (): Promise<void> => {
    try {
      const { status } = await fetch('/v1/services', { signal: AbortSignal.timeout(SILENCE_MS) });
      if (status === 401) {
        toLogin();
        return;
      }
    } catch {
      // The server is away; the next connection will say so, too.
    }
    connect();
  };
  const connect = (): void => {
    const stream = new EventSource(PATH);
    source = stream;
    heard();
    const on = (name: string, handle: (data: unknown) => void): void => {
      stream.addEventListener(name, (event: MessageEvent<string>) => {
        heard();
        try {
          handle(JSON.parse(event.data));
        } catch {
          const message = 'This page and the server are of different versions: reload it.';
          onEvent({ kind: 'trouble', message });
        }
      });
    };
    on('history', (data) => {
      onEvent({ kind: 'history', history: historySchema.parse(data) });
    });
    on('snapshot', (data) => {
      onEvent({ kind: 'snapshot', snapshot: snapshotSchema.parse(data) });
    });
    on('trouble', (data) => {
      onEvent({ kind: 'trouble', ...troubleSchema.parse(data) });
    });
    on('end', (data) => {
      endSchema.parse(data);
      stream.close();
      toLogin();
    });
    stream.addEventListener('error', () => {
      if (source === stream) {
        again();
      }
    });
  };
  connect();
}
