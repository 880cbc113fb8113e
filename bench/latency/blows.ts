/** Blows to the worker that is encoding, while a viewer watches, and what the viewer had of each. */
import { setTimeout as delay } from 'node:timers/promises';
import { busyTranscoder, freeze, strike } from '../../test/fault/victims.ts';
import type { Pipeline } from '../../test/helpers/pipeline.ts';
import { percentile } from './percentiles.ts';
import type { Timetable } from './timetable.ts';
import { frameOf } from './timetable.ts';
import { stallsIn, type Presented } from './viewing.ts';

/** What can be done to a worker. */
export const BLOWS = ['SIGKILL', 'SIGSTOP'] as const;
/** See {@link BLOWS}. */
export type Blow = (typeof BLOWS)[number];

/** A frozen worker goes on after so long. */
const FROZEN_MS = 5_000;
/** The picture is to be where it was before by then. */
const RECOVERY_MS = 10_000;

/** Strikes so many times, evenly over a time; resolves to the moments, by the wall clock. */
export async function strikeAgain(
  pipeline: Pipeline,
  blow: Blow,
  { count, overMs }: { readonly count: number; readonly overMs: number },
): Promise<readonly number[]> {
  const moments: number[] = [];
  const pause = overMs / (count + 1);
  for (let i = 0; i < count; i += 1) {
    await delay(pause - (i === 0 || blow === 'SIGKILL' ? 0 : FROZEN_MS));
    const worker = await busyTranscoder(pipeline);
    moments.push(Date.now());
    if (blow === 'SIGKILL') {
      strike(worker, blow);
    } else {
      await freeze(worker, FROZEN_MS);
    }
  }
  return moments;
}

/** What a viewer had of a blow, milliseconds. */
export interface Felt {
  /** The longest time that the picture stood still, in the ten seconds after it. */
  readonly stall: number;
  /** The picture's age at the end of these. */
  readonly age: number;
}

/** What a viewer had of each blow. */
export function feltOf(
  presented: readonly Presented[],
  timetable: Timetable,
  moments: readonly number[],
): readonly Felt[] {
  return moments.map((at) => {
    const until = at + RECOVERY_MS;
    const after = presented.filter((picture) => picture.at >= at && picture.at < until);
    const stalls = stallsIn(after, timetable.frameMs, at, until);
    const ages = after
      .filter((picture) => picture.at >= until - 1_000)
      .flatMap(({ at: shown, stamp }) =>
        stamp === undefined ? [] : shown - timetable.takenAt(frameOf(timetable, stamp, shown)),
      );
    return { stall: Math.max(0, ...stalls.map(({ ms }) => ms)), age: percentile(ages, 50) };
  });
}
