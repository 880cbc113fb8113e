import { describe, expect, test } from '@jest/globals';
import { coresOfControlGroup, findHost } from '../../../transcoder/host.ts';
import { coresTaken, HostLoad, READING_MS } from '../../../transcoder/host-load.ts';

const files =
  (texts: Readonly<Record<string, string>>) =>
  (path: string): Promise<string | undefined> =>
    Promise.resolve(texts[path]);

describe('the cores that a control group allows', () => {
  test.each([
    ['half as much again as one core', { '/sys/fs/cgroup/cpu.max': '150000 100000' }, 1.5],
    ['no limit', { '/sys/fs/cgroup/cpu.max': 'max 100000' }, undefined],
    [
      'two cores by version 1',
      {
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '200000',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
      },
      2,
    ],
    [
      'no limit by version 1',
      {
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
      },
      undefined,
    ],
    ['nothing said', {}, undefined],
  ])('are %s', async (_, texts, expected) => {
    expect(await coresOfControlGroup(files(texts))).toBe(expected);
  });

  test('bound what a worker may use, not what its machine has', async () => {
    const quota = { '/sys/fs/cgroup/cpu.max': '25000 100000' };
    const found = await findHost(files({ ...quota, '/proc/sys/kernel/random/boot_id': 'b-1' }));
    expect(found).toMatchObject({ host: 'b-1', scopeCores: 0.25 });
    expect(found.hostCores).toBeGreaterThanOrEqual(1);
  });
});

type Times = Parameters<typeof coresTaken>[0][number]['times'];
const core = (part: Partial<Times>): { times: Times } => ({
  times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0, ...part },
});

describe('cores that others take', () => {
  const before = [core({}), core({})];

  test('are those busy, without what runs with a lowered priority', () => {
    const after = [core({ user: 400, sys: 100, idle: 500 }), core({ nice: 900, idle: 100 })];
    expect(coresTaken(before, after)).toBeCloseTo(0.5);
  });

  test('are not known before time has passed, nor when cores come and go', () => {
    expect(coresTaken(before, before)).toBeUndefined();
    expect(coresTaken(before, [core({ user: 5 })])).toBeUndefined();
  });

  /** What is told of one core by readings of it, which takes `loadAt` at a time; the last one ends at `until`. */
  async function told(loadAt: (ms: number) => number, until: number): Promise<number | null> {
    const since = until - 20 * READING_MS;
    let now = since;
    const load = new HostLoad(
      () => undefined,
      () => {
        let user = 0;
        for (let ms = since; ms < now; ms += 10) {
          user += 10 * loadAt(ms);
        }
        return [core({ user, idle: now - since - user })];
      },
      3_600_000,
    );
    expect(load.otherCores).toBeNull();
    while (now < until) {
      now += READING_MS;
      load.take();
    }
    await load.close();
    return load.otherCores;
  }

  /** A feed's first frame comes at 0, and its broadcast begins a segment later; readings end whenever they do. */
  const LAST_READINGS = [0, 120, 250, 380, 490].map((ms) => 2_000 - ms);

  test('are those of the time since the feed came, not those before', async () => {
    for (const until of LAST_READINGS) {
      expect(await told((ms) => (ms < 0 ? 1 : 0.2), until)).toBeCloseTo(0.2);
      expect(await told((ms) => (ms < 0 ? 0.1 : 0.8), until)).toBeCloseTo(0.8);
    }
  });

  test('are not those of a program that starts', async () => {
    for (const start of [0, 400, 800, 1_200]) {
      const loadAt = (ms: number) => (ms >= start && ms < start + 500 ? 1 : 0.2);
      for (const until of LAST_READINGS) {
        expect(await told(loadAt, until)).toBeCloseTo(0.2);
      }
    }
  });

  test('are told with every reading', async () => {
    let times = core({});
    let count = 0;
    const load = new HostLoad(
      () => (count += 1),
      () => [times],
      3_600_000,
    );
    for (const busy of [250, 0, 500]) {
      const { user, idle } = times.times;
      times = core({ user: user + busy, idle: idle + 500 - busy });
      load.take();
    }
    expect(count).toBe(3);
    await load.close();
  });
});
