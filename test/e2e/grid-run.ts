/** Cases of the grid through one pipeline, as many at once as the machine carries, each judged by a test of its own. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { faultsOf, makeClips, runCase, type GridCase, type GridOutcome } from '../grid/cases.ts';
import { FeedGate } from '../helpers/feed-gate.ts';
import { startPipeline, type Pipeline } from '../helpers/pipeline.ts';

const TIMEOUT_MS = 600_000;

/** See the head of this file. */
export interface GridRun {
  /** Declares a test for each of these cases, which finds nothing that is not as it must be. */
  readonly testEach: (name: string, cases: readonly GridCase[]) => void;
}

/**
 * Runs the cases around the tests of a file.
 * @param cases in the order in which they begin: the longest first, so that none runs on alone
 */
export function useGridRun(
  cases: readonly GridCase[],
  secondsOf: (gridCase: GridCase) => number,
): GridRun {
  let pipeline: Pipeline;
  const outcomes = new Map<GridCase, Promise<GridOutcome>>();

  beforeAll(async () => {
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

  return {
    testEach: (name, some) => {
      test.each(some)(
        name,
        async (gridCase) => {
          const outcome = await outcomes.get(gridCase);
          expect(outcome === undefined ? ['did not run'] : faultsOf(gridCase, outcome)).toEqual([]);
        },
        TIMEOUT_MS,
      );
    },
  };
}
