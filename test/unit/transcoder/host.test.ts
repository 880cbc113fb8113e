import { describe, expect, test } from '@jest/globals';
import { coresOfControlGroup, findHost } from '../../../transcoder/host.ts';
import { coresTaken, HostLoad } from '../../../transcoder/host-load.ts';

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

  test('are the middle one of the last three readings', async () => {
    let times = core({});
    let told = 0;
    const load = new HostLoad(
      () => (told += 1),
      () => [times],
      3_600_000,
    );
    expect(load.otherCores).toBeNull();
    for (const busy of [1000, 0, 300, 300, 900]) {
      const { user, idle } = times.times;
      times = core({ user: user + busy, idle: idle + 1000 - busy });
      load.take();
    }
    expect(load.otherCores).toBeCloseTo(0.3);
    expect(told).toBe(5);
    await load.close();
  });
});
