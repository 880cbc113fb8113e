import { describe, expect, test } from '@jest/globals';
import { DISK_LIMITS, diskStateOf, type DiskState } from '#common/disk';
import { DEFAULT_LADDER, type Channel } from '#common/contracts/channel';
import type { FeedStatus } from '#common/contracts/status';
import { missingFor, statusOf } from '../../../control/api/status.ts';

const channel: Channel = {
  id: 'main',
  name: 'main',
  fps: '30',
  profile: 'standard',
  ladder: DEFAULT_LADDER,
  fixedLadder: false,
  priority: 50,
  dvrSeconds: 60,
  reconnectSeconds: 60,
  streamKeyHash: '0'.repeat(64),
  createdAt: '2026-01-01T00:00:00.000Z',
};

const feed: FeedStatus = {
  slot: 'primary',
  connected: true,
  session: 's',
  at: 0,
  bitrateBps: 1,
  fps: 30,
  keyframeSeconds: 2,
  width: 320,
  height: 180,
  encoder: '',
  warnings: [],
};

const codesOf = (disk: DiskState, feed?: FeedStatus): string[] =>
  statusOf({
    channel,
    air: undefined,
    feed,
    origin: undefined,
    isLed: true,
    unfinished: 0,
    fillers: [],
    rawStored: undefined,
    viewers: undefined,
    disk,
    now: 0,
  }).warnings.map(({ code }) => code);

describe('the disk', () => {
  test('counts as low and as full below its limits', () => {
    const { full, low } = DISK_LIMITS;
    expect([0, full - 1, full, low - 1, low].map(diskStateOf)).toEqual([
      ...['full', 'full'],
      ...['low', 'low'],
      'ok',
    ]);
  });

  test('is warned of in every status while it is low or full', () => {
    expect((['ok', 'low', 'full'] as const).map((disk) => codesOf(disk))).toEqual([
      [],
      ['DISK_LOW'],
      ['DISK_FULL'],
    ]);
  });

  test('is warned of once, whoever has seen it', () => {
    const message = 'The disk under DATA_DIR is full.';
    expect(codesOf('full', { ...feed, warnings: [{ code: 'DISK_FULL', message }] })).toEqual([
      'DISK_FULL',
    ]);
  });

  test('keeps the pipeline from being ready only when it is full', () => {
    const missing = (disk: DiskState): readonly string[] =>
      missingFor([], { isLed: true, isStoreUp: true, disk });
    expect(missing('full')).toContain('disk space in DATA_DIR');
    expect(missing('low')).not.toContain('disk space in DATA_DIR');
  });
});
