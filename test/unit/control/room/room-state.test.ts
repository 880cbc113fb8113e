import { expect, test } from '@jest/globals';
import { MOST_READINGS, type Snapshot } from '#common/contracts/control-room';
import { INITIAL, afterEvent } from '../../../../control/room/room-state.ts';

const snapshot = (at: number, isOnAir = true): Snapshot => ({
  at,
  missing: [],
  rtmpUrl: null,
  workers: [],
  queues: [],
  edges: [],
  services: [],
  channels: [
    {
      startedAt: isOnAir ? 0 : null,
      channel: {
        id: 'final',
        name: 'Cup final',
        fps: '25',
        profile: 'standard',
        dvrSeconds: 60,
        reconnectSeconds: 60,
        createdAt: '2026-01-01T00:00:00Z',
        onAir: isOnAir,
        fixedLadder: true,
        priority: 50,
        ladder: {
          video: [{ height: 360, maxBitrateBps: 900_000 }],
          audio: { bitrateBps: 96_000 },
          preset: 'veryfast',
        },
      },
      status: {
        id: 'final',
        onAir: isOnAir,
        broadcast: 1,
        fps: '25',
        profile: 'standard',
        feeds: [],
        unfinished: 0,
        rawStored: null,
        viewers: null,
        warnings: [],
        renditions: isOnAir ? [{ id: 'v360', height: 360, published: 5, lagMs: at }] : [],
      },
    },
  ],
});

const after = (...times: readonly number[]) =>
  times.reduce(
    (state, at) => afterEvent(state, { kind: 'snapshot', snapshot: snapshot(at) }),
    INITIAL,
  );

test('snapshots add to the history, once each, and the oldest go', () => {
  const history = after(1_000, 2_000, 2_000, 3_000).history['final'];
  expect(history?.map(({ at }) => at)).toEqual([1_000, 2_000, 3_000]);
  expect(history?.at(-1)).toMatchObject({ bitrateBps: null, lagMs: { v360: 3_000 } });
  const many = Array.from({ length: 10 * MOST_READINGS }, (_, i) => i);
  expect(after(...many).history['final']).toHaveLength(MOST_READINGS);
});

test('the next broadcast is not drawn on from the last one, and a deleted channel is forgotten', () => {
  const state = after(1_000, 2_000);
  const off = afterEvent(state, { kind: 'snapshot', snapshot: snapshot(3_000, false) });
  expect(off.history['final']).toEqual([]);
  const none = { ...snapshot(4_000), channels: [] };
  expect(afterEvent(off, { kind: 'snapshot', snapshot: none }).history).toEqual({});
});

test('what is shown stays while the connection is lost, and is live again with the next snapshot', () => {
  const lost = afterEvent(after(1_000), { kind: 'lost' });
  expect(lost).toMatchObject({ connection: { kind: 'lost' }, snapshot: { at: 1_000 } });
  const trouble = afterEvent(lost, { kind: 'trouble', message: 'Redis' });
  expect(trouble.connection).toEqual({ kind: 'trouble', message: 'Redis' });
  const back = afterEvent(trouble, { kind: 'snapshot', snapshot: snapshot(2_000) });
  expect(back.connection).toEqual({ kind: 'live' });
});
