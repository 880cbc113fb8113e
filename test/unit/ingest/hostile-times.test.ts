import { describe, expect, test } from '@jest/globals';
import { gridOf, placeOfTime, SAMPLE_RATE, type FpsName } from '#common/grid';
import { milliseconds } from '#common/time';
import type { MediaPacket } from '../../../ingest/mapping/session-map.ts';
import { seeded } from '../../helpers/seeded.ts';
import { feedPackets, mapFeed, type FeedShape } from './simulated-feed.ts';

const START = 1_795_000_000_000;
const SEED = 90_210;
const HOUR = 3_600_000;

type Edit = (packet: MediaPacket, n: number, random: () => number) => Partial<MediaPacket>;

/** Moves a packet's times. */
const moved = (packet: MediaPacket, by: number): Partial<MediaPacket> =>
  packet.kind === 'video'
    ? { dts: packet.dts + by, pts: packet.pts + by }
    : { dts: packet.dts + by };
const ofKind =
  (kind: MediaPacket['kind'], edit: Edit): Edit =>
  (packet, n, random) =>
    packet.kind === kind ? edit(packet, n, random) : {};

const CASES: readonly [string, Edit, Partial<FeedShape>?][] = [
  ['hours forward, then hours back, again and again', (p, n) => moved(p, n % 400 < 200 ? 0 : HOUR)],
  ['two clocks an hour apart', ofKind('audio', (p) => moved(p, HOUR))],
  ['two clocks four seconds apart', ofKind('audio', (p) => moved(p, 4000))],
  ['all equal', (p) => (p.kind === 'video' ? { dts: 77, pts: 77 } : { dts: 77 })],
  ['all equal after ten seconds', (p) => moved(p, -Math.max(0, p.dts - 10_000))],
  ['running backwards', (p) => moved(p, -2 * p.dts)],
  ['at half speed', (p) => moved(p, -p.dts / 2)],
  ['at four times the speed', (p) => moved(p, 3 * p.dts)],
  ['anything at all', (p, _n, random) => moved(p, random() * 2 ** 32)],
  ['anything within five seconds', (p, _n, random) => moved(p, random() * 4900)],
  ['composition times of minus three seconds', ofKind('video', (p) => ({ pts: p.dts - 3000 }))],
  ['composition times of three seconds', ofKind('video', (p) => ({ pts: p.dts + 3000 }))],
  [
    'composition times of anything',
    ofKind('video', (p, _n, random) => ({ pts: p.dts + (random() - 0.5) * 6000 })),
  ],
  ['sound drifting by five in a hundred', ofKind('audio', (p) => moved(p, p.dts / 20))],
  ['picture drifting by five in a hundred', ofKind('video', (p) => moved(p, p.dts / 20))],
  ['sound at the wrong rate', ofKind('audio', (p) => moved(p, p.dts * (44.1 / 48 - 1)))],
  ['one picture a second', () => ({}), { fps: 1 }],
  ['240 pictures a second', () => ({}), { fps: 240, seconds: 20 }],
  ['all at once', () => ({ arrival: START + 5000 })],
];

describe('the map of a feed whose timestamps are', () => {
  test.each(CASES.map(([name, edit, shape = {}]) => [name, edit, shape] as const))(
    '%s stays near the clock, in order and within its bounds',
    (_name, edit, shape) => {
      const random = seeded(SEED);
      const fps: FpsName = '30';
      const grid = gridOf(fps);
      const packets = feedPackets({
        fps: 30,
        seconds: 40,
        start: START,
        bFrames: 2,
        sound: 48_000,
        ...shape,
      }).map((packet, n) => ({ ...packet, ...edit(packet, n, random) }) as MediaPacket);
      const { mapped } = mapFeed(fps, packets);

      const faults: object[] = [];
      let lastDts = Number.NEGATIVE_INFINITY;
      let soundEnd = 0;
      let pictures = 0;
      mapped.forEach((item, n) => {
        // Ahead of the clock a broadcast would be published before its time.
        const limit = milliseconds(item.packet.arrival + 5000 + 3000);
        const isFine =
          item.kind === 'video'
            ? item.index - placeOfTime(grid, limit) <= 1 &&
              Number.isSafeInteger(item.dts) &&
              item.dts > lastDts &&
              Math.abs(item.index * grid.frameTicks - item.dts) < 2 ** 31
            : item.position >= soundEnd - 1 && item.position <= (limit * SAMPLE_RATE) / 1000;
        if (item.kind === 'video') {
          pictures += 1;
          lastDts = item.dts;
        } else {
          soundEnd = item.position + 1024;
        }
        if (!isFine) {
          faults.push({ seed: SEED, n, item });
        }
      });
      expect(faults).toEqual([]);
      // No picture is lost to the decoder, wherever it is shown.
      expect(pictures).toBe(packets.filter(({ kind }) => kind === 'video').length);
    },
  );
});
