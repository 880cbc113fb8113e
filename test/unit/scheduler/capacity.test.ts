import { describe, expect, test } from '@jest/globals';
import type { WorkerCapacity } from '#common/contracts/worker-capacity';
import { freeCores } from '../../../scheduler/plan/capacity.ts';

const worker = (part: Partial<WorkerCapacity> = {}): WorkerCapacity => ({
  host: 'a',
  hostCores: 8,
  scope: 'a',
  scopeCores: 8,
  isGiven: false,
  otherCores: 0,
  slowness: 1,
  ...part,
});
const two = (part: Partial<WorkerCapacity>): WorkerCapacity[] => [worker(part), worker(part)];
const free = (workers: readonly WorkerCapacity[], taken = 0): number =>
  freeCores(workers, taken) ?? NaN;

describe('cores free for a broadcast', () => {
  test('are not known without a worker', () => {
    expect(freeCores([], 0)).toBeNull();
  });

  test('are shared by the workers of a machine', () => {
    const small = { hostCores: 2, scopeCores: 2 };
    expect(free(two(small))).toBeLessThan(1.7);
    expect(free(two(small))).toBeGreaterThan(1.2);
    expect(free([...two(small), ...two(small)])).toBe(free(two(small)));
  });

  test('are at most one a worker', () => {
    expect(free([worker()])).toBeLessThan(1);
    expect(free(two({}))).toBe(2 * free([worker()]));
  });

  test('add up over machines', () => {
    expect(free([worker(), worker({ host: 'b' })])).toBe(2 * free([worker()]));
  });

  test('are without what others take of the machine, and without what is on air', () => {
    const small = { hostCores: 2, scopeCores: 2 };
    const alone = free(two(small));
    expect(alone - free(two({ ...small, otherCores: 1 }))).toBeCloseTo(0.75);
    expect(free(two({ ...small, otherCores: 2 }))).toBe(0);
    expect(free(two(small), 0.5)).toBeCloseTo(alone - 0.5);
    expect(free(two(small), 5)).toBe(0);
    expect(free(two({ ...small, otherCores: null }))).toBe(alone);
  });

  test('are what containers are allowed, each its own, processes in one together', () => {
    const one = { hostCores: 8, scopeCores: 1 };
    const together = free([worker(one), worker(one)]);
    const apart = free([worker({ ...one, scope: 'x' }), worker({ ...one, scope: 'y' })]);
    expect(together).toBeLessThan(0.9);
    expect(apart).toBeGreaterThan(1.2);
  });

  test('count for less on a slower machine, and as measured where nothing has been tried yet', () => {
    expect(free(two({ slowness: 2 }))).toBeCloseTo(free(two({})) / 2);
    expect(free(two({ slowness: null }))).toBe(free(two({})));
  });

  test('are those given, where the owner has given them', () => {
    expect(free(two({ isGiven: true, scopeCores: 1.5, otherCores: 8 }))).toBe(1.5);
  });
});
