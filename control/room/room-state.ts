/** What the page knows: the last snapshot, the last minutes, and whether it is still being told. Pure. */
import {
  MOST_READINGS,
  readingOf,
  type RoomHistory,
  type Snapshot,
} from '#common/contracts/control-room';

/** How the page hears. `lost` is our connection, `trouble` what the server says of its own sources. */
export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'trouble'; readonly message: string };

/** See the head of this file. */
export interface RoomState {
  readonly connection: Connection;
  readonly snapshot: Snapshot | undefined;
  readonly history: RoomHistory;
}

/** Before anything was heard. */
export const INITIAL: RoomState = {
  connection: { kind: 'connecting' },
  snapshot: undefined,
  history: {},
};

/** What can be heard. */
export type RoomEvent =
  | { readonly kind: 'history'; readonly history: RoomHistory }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'trouble'; readonly message: string }
  | { readonly kind: 'lost' };

/** The state after an event. */
export function afterEvent(state: RoomState, event: RoomEvent): RoomState {
  switch (event.kind) {
    case 'history':
      return { ...state, history: event.history };
    case 'snapshot':
      return {
        connection: { kind: 'live' },
        snapshot: event.snapshot,
        history: withSnapshot(state.history, event.snapshot),
      };
    case 'trouble':
      return { ...state, connection: { kind: 'trouble', message: event.message } };
    case 'lost':
      return { ...state, connection: { kind: 'lost' } };
  }
}

function withSnapshot(history: RoomHistory, snapshot: Snapshot): RoomHistory {
  return Object.fromEntries(
    snapshot.channels.map((entry) => {
      const { id } = entry.channel;
      const known = history[id] ?? [];
      const reading = readingOf(snapshot.at, entry);
      if (reading === undefined) {
        return [id, []];
      }
      const isNew = reading.at > (known.at(-1)?.at ?? -Infinity);
      return [id, isNew ? [...known, reading].slice(-MOST_READINGS) : known];
    }),
  );
}
