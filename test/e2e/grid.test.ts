/**
 * Every source through the whole pipeline, from RTMP to what a viewer downloads: as many at once as the machine carries.
 *
 * @needs-whole-machine
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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
import { FeedGate } from '../helpers/feed-gate.ts';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';

/** Six whole segments, and every keyframe interval and change of size within them. */
const SECONDS = 14;
/** Of a tone each join is judged by itself. */
const TONE_SECONDS = 28;
/** Some thirty joins: their mean wanders by a third of what is asked of it, at most. */
const PROGRAMME_SECONDS = 64;
const TIMEOUT_MS = 600_000;

function secondsOf({ recipe }: GridCase): number {
  switch (recipe.sound) {
    case 'programme':
      return PROGRAMME_SECONDS;
    case 'tone':
      return TONE_SECONDS;
    case 'beeps':
    case 'none':
      return SECONDS;
  }
}

let pipeline: Pipeline;
const outcomes = new Map<GridCase, Promise<GridOutcome>>();

beforeAll(async () => {
  // The longest first, so that they do not run on alone.
  const cases = [...SOUND_CASES, ...SOURCE_CASES, ...CLEAN_CASES].toSorted(
    (a, b) => secondsOf(b) - secondsOf(a),
  );
  await makeClips(cases, secondsOf);
  pipeline = await startPipeline();
  const gate = new FeedGate();
  for (const gridCase of cases) {
    const outcome = runCase(pipeline, gridCase, { seconds: secondsOf(gridCase), gate });
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
