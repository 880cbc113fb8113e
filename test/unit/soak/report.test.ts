import { describe, expect, test } from '@jest/globals';
import { diskBounds, keyFamilies, redisBytes, type Load } from '../../soak/bounds.ts';
import { judgeDisk, judgeProcesses, judgeRedis, type Reading } from '../../soak/report.ts';

const load: Load = {
  rate: 1,
  dvrSeconds: 120,
  segmentSeconds: 2,
  feed: { bps: 500_000, framesPerSecond: 77 },
  renditions: 3,
  channels: 1,
  cycleSeconds: undefined,
  processes: 9,
};
const criteria = { warmUp: 5, rate: 2 };

/** Fifteen minutes, a reading every five seconds. */
const readings = (change: (i: number) => Partial<Reading>): Reading[] =>
  Array.from({ length: 180 }, (_, i) => ({
    at: i / 12,
    processes: [],
    heaps: new Map(),
    redisBytes: 5e6,
    keys: undefined,
    disk: new Map(),
    lagMs: 4000,
    ...change(i),
  }));
const edge = (rssBytes: number, fds = 30) => ({ pid: 7, name: 'edge', rssBytes, fds });

describe('judgeProcesses', () => {
  test('finds flat what grew in the first minutes only', () => {
    const judged = judgeProcesses(
      readings((i) => ({ processes: [edge(1e8 + Math.min(i, 60) * 1e6)] })),
      criteria,
    );
    expect(judged.faults).toEqual([]);
    expect(judged.rows[0]).toMatchObject({ process: 'edge', verdict: 'flat' });
  });

  test('names what grows by more than a megabyte a minute, a real and a clock one', () => {
    const judged = judgeProcesses(
      readings((i) => ({ processes: [edge(1e8 + (i / 12) * 1.5e6)] })),
      criteria,
    );
    expect(judged.faults).toEqual(['edge: grows by 1.50 MB a minute']);
    expect(judged.rows[0]).toMatchObject({
      'slope, MB a minute': '+1.50',
      'a clock minute': '+0.75',
    });
  });

  test('finds descriptors that come and go constant, and a leak of one in five minutes not', () => {
    const coming = judgeProcesses(
      readings((i) => ({ processes: [edge(1e8, 30 + (i % 3))] })),
      criteria,
    );
    expect(coming.faults).toEqual([]);
    const leaking = judgeProcesses(
      readings((i) => ({ processes: [edge(1e8, 30 + (i % 3) + Math.floor(i / 60))] })),
      criteria,
    );
    expect(leaking.faults).toEqual(['edge: least open descriptors rise from 31 to 32']);
  });

  test('a service that was started again is told from one that lasts', () => {
    const judged = judgeProcesses(
      readings((i) => ({ processes: [{ ...edge(1e8), pid: i < 120 ? 7 : 8 }] })),
      criteria,
    );
    expect(judged.rows.map((row) => row['process'])).toEqual(['edge (short-lived)']);
  });
});

describe('judgeRedis', () => {
  const families = keyFamilies(load);
  const limit = redisBytes(load, 500_000);
  const judge = (change: (i: number) => Partial<Reading>) =>
    judgeRedis(readings(change), criteria, families, limit).faults;

  test('takes what keeps within its bounds', () => {
    const found = new Map([['hot out', { keys: 3, length: 8 }]]);
    expect(judge(() => ({ keys: { families: found, unknown: [] } }))).toEqual([]);
  });

  test.each([
    ['hot out', 3, 9],
    ['hot out', 4, 8],
    ['published', 1, 400],
    ['bull jobs', 5_000, 0],
  ])('%s with %i keys and %i entries is over', (name, keys, length) => {
    const found = new Map([[name, { keys, length }]]);
    expect(judge(() => ({ keys: { families: found, unknown: [] } }))).toEqual([
      `Redis ${name}: ${keys} keys, ${length} entries`,
    ]);
  });

  test('names keys of no known kind, memory over the bound and memory that grows', () => {
    const unknown = ['left:behind'];
    expect(judge(() => ({ keys: { families: new Map(), unknown } }))).toEqual([
      'keys of no known kind: left:behind',
    ]);
    expect(judge(() => ({ redisBytes: limit + 1 }))).toHaveLength(1);
    expect(judge((i) => ({ redisBytes: (i / 12) * 1.2e6 }))).toEqual([
      'Redis grows by 1.20 MB a minute',
    ]);
  });

  test('every key of the contracts is of exactly one kind', () => {
    const keys = [
      ...['log:{soak}', 'hot:{soak}:in:abc', 'hot:{soak}:out:v180', 'published:{soak}'],
      ...['accepted:{soak}', 'declared:{soak}', 'plan:{soak}', 'channels', 'channel-fps'],
      ...['feeds', 'origin', 'services', 'scheduler:air', 'scheduler:lease', 'scheduler:epoch'],
      ...['scheduler:status', 'scheduler:end-asked', 'chunks-stored', 'control:sessions-ended'],
      ...['{touchline}:segments:events', '{touchline}:transcode:prioritized'],
    ];
    for (const key of keys) {
      const kinds = families.filter(({ pattern }) => pattern.test(key));
      expect([key, kinds.length >= 1]).toEqual([key, true]);
    }
    const jobs = families.filter(({ pattern }) => pattern.test('{touchline}:segments:done-a-1'));
    expect(jobs.map(({ name }) => name)).toEqual(['bull jobs']);
  });
});

describe('judgeDisk', () => {
  const bounds = diskBounds(load, redisBytes(load, 500_000));

  test('takes folders within their bounds', () => {
    const disk = new Map(bounds.map(({ folder, bytes }) => [folder, bytes]));
    expect(
      judgeDisk(
        readings(() => ({ disk })),
        bounds,
      ).faults,
    ).toEqual([]);
  });

  test('names one that was over once, and one that nobody bounds', () => {
    const judged = judgeDisk(
      readings((i) => ({ disk: new Map(i === 50 ? [['logs', 1e9]] : [['left', 5e6]]) })),
      bounds,
    );
    expect(judged.faults).toEqual([
      'disk: nobody bounds left, 5.0 MB',
      expect.stringMatching(/^disk: logs has 1000.0 MB of at most/),
    ]);
  });
});
