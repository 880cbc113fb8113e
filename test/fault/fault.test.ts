/**
 * Services, workers and Redis killed one after another under one broadcast, and what its viewers get.
 *
 * @takes-seconds 120
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { runFault } from './fault-run.ts';
import { killControl, killWorkers } from './scenarios.ts';
import { kill, type VictimName } from './victims.ts';

const SEED = 3;
const TIMEOUT_MS = 240_000;

let pipeline: Pipeline;

beforeAll(async () => {
  pipeline = await startPipeline({ WORKERS: '2' });
}, TIMEOUT_MS);

afterAll(async () => {
  expect(await pipeline.close()).toEqual([]);
}, TIMEOUT_MS);

test(
  'a broadcast outlives two workers, control, the origin, the scheduler and Redis: nothing is lost, changed or taken back',
  async () => {
    const { faults } = await runFault(pipeline, {
      name: `workers, control, aggregator, scheduler, redis killed (seed ${SEED})`,
      channel: 'faults',
      inflict: async (onAir) => {
        await killWorkers(onAir, 2, SEED);
        await onAir.numbers(2);
        await killControl(onAir);
        for (const victim of ['aggregator', 'scheduler', 'redis-server'] satisfies VictimName[]) {
          onAir.struck();
          await kill(pipeline, victim);
          await onAir.numbers(3);
        }
      },
    });
    expect(faults).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  'a low-latency broadcast outlives the worker that makes it, the origin and the scheduler; made again from raw chunks it is the same',
  async () => {
    const { faults } = await runFault(pipeline, {
      name: `workers, aggregator, scheduler killed in low latency (seed ${SEED})`,
      channel: 'low',
      profile: 'low',
      inflict: async (onAir) => {
        await killWorkers(onAir, 1, SEED);
        await onAir.numbers(2);
        for (const victim of ['aggregator', 'scheduler'] satisfies VictimName[]) {
          onAir.struck();
          await kill(pipeline, victim);
          await onAir.numbers(2);
        }
      },
    });
    expect(faults).toEqual([]);
  },
  TIMEOUT_MS,
);
