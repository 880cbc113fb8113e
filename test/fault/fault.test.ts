/**
 * Services, workers and Redis killed one after another under two broadcasts, and what their viewers get.
 *
 * @needs-whole-machine
 * @takes-seconds 90
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Profile } from '#common/contracts/channel';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { inflictTogether, runFault, type OnAir, type Verdict } from './fault-run.ts';
import { killControl, killWorkers } from './scenarios.ts';
import { kill, type VictimName } from './victims.ts';

const SEED = 3;
const TIMEOUT_MS = 240_000;
const PROFILES = ['standard', 'low'] as const satisfies readonly Profile[];

let pipeline: Pipeline;
const verdicts = new Map<Profile, Promise<Verdict>>();

/** Both broadcasts get all of it: what kills one service meets whole segments as well as those that are made as they happen. */
async function killAll(onAir: readonly OnAir[]): Promise<void> {
  const struck = (): void => onAir.forEach((one) => one.struck());
  const numbers = async (count: number): Promise<void> => {
    await Promise.all(onAir.map((one) => one.numbers(count)));
  };
  await killWorkers({ pipeline, struck }, 3, SEED);
  await numbers(2);
  await killControl({ pipeline, struck, numbers });
  for (const victim of ['aggregator', 'scheduler', 'redis-server'] satisfies VictimName[]) {
    struck();
    await kill(pipeline, victim);
    await numbers(2);
  }
}

beforeAll(async () => {
  pipeline = await startPipeline({ WORKERS: '2' });
  const inflict = inflictTogether(PROFILES.length, killAll);
  for (const profile of PROFILES) {
    const name = `workers, control, aggregator, scheduler, redis killed in ${profile} (seed ${SEED})`;
    const verdict = runFault(pipeline, { name, channel: profile, profile, inflict });
    // Its own test reports the error.
    verdict.catch(() => undefined);
    verdicts.set(profile, verdict);
  }
}, TIMEOUT_MS);

afterAll(async () => {
  await Promise.allSettled(verdicts.values());
  expect(await pipeline.close()).toEqual([]);
}, TIMEOUT_MS);

test.each(PROFILES)(
  'a broadcast in %s outlives three workers, control, the origin, the scheduler and Redis: nothing is lost, changed or taken back, and made again from raw chunks it is the same',
  async (profile) => {
    const faults = (await verdicts.get(profile))?.faults;
    // With what was logged: when it happens, nothing else is left to tell why.
    expect({ faults, log: faults?.length === 0 ? '' : pipeline.output() }).toEqual({
      faults: [],
      log: '',
    });
  },
  TIMEOUT_MS,
);
