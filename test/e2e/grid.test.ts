/** Every source through the whole pipeline, from RTMP to what a viewer downloads. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pLimit from 'p-limit';
import {
  CLEAN_CASES,
  faultsOf,
  makeClips,
  runCase,
  SOUND_CASES,
  SOURCE_CASES,
  type GridCase,
  type GridOutcome,
} from '../grid/cases.ts';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';

/** Feeds at a time: as many as two cores carry. */
const PARALLEL = 3;
const SECONDS = 22;
/** Fifty joins: over fewer, an encoder's bits wander by more than what is asked of them. */
const SOUND_SECONDS = 112;
const TIMEOUT_MS = 600_000;

const secondsOf = (gridCase: GridCase): number =>
  SOUND_CASES.includes(gridCase) ? SOUND_SECONDS : SECONDS;

let pipeline: Pipeline;
const outcomes = new Map<GridCase, Promise<GridOutcome>>();

beforeAll(async () => {
  const cases = [...SOURCE_CASES, ...CLEAN_CASES, ...SOUND_CASES];
  await makeClips(cases, secondsOf);
  pipeline = await startPipeline();
  const limit = pLimit(PARALLEL);
  for (const gridCase of cases) {
    const start = async (): Promise<GridOutcome> =>
      runCase(pipeline, gridCase, secondsOf(gridCase));
    // Sounds come with next to no picture: they run beside all the others.
    const outcome = SOUND_CASES.includes(gridCase) ? start() : limit(start);
    // Its own test reports the error; the others go on.
    outcome.catch(() => undefined);
    outcomes.set(gridCase, outcome);
  }
}, TIMEOUT_MS);

afterAll(async () => {
  await Promise.allSettled(outcomes.values());
  expect(await pipeline.close()).toEqual([]);
}, TIMEOUT_MS);

async function faults(gridCase: GridCase): Promise<string[]> {
  const outcome = await outcomes.get(gridCase);
  return outcome === undefined ? ['did not run'] : faultsOf(gridCase, outcome);
}

describe('every rendition is exactly on the grid, in sync, and readable as HLS and DASH', () => {
  test.each(SOURCE_CASES)(
    'from $name',
    async (gridCase) => {
      expect(await faults(gridCase)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe('a clean feed with rounding, jitter and drift loses and repeats nothing', () => {
  test.each(CLEAN_CASES)(
    'in $name',
    async (gridCase) => {
      expect(await faults(gridCase)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe('sound is as clean where segments join as elsewhere', () => {
  test.each(SOUND_CASES)(
    'with $name',
    async (gridCase) => {
      expect(await faults(gridCase)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
