/**
 * Where a picture's age comes from, hop by hop: the way of each segment's first frame, which waits the longest for its
 * segment and the shortest in the player. Whatever frame of it one looks at, the sum is the same. Pure.
 */
import { percentile } from './percentiles.ts';

/** Moments of one segment in the pipeline; milliseconds of the wall clock, which is also that of Redis's entry ids. */
export interface Passage {
  /** Ingest had told all its frames in the log. */
  readonly logged: number;
  /** The leader had closed the places of its pictures. */
  readonly closed: number;
  /** Its task was in the queue, a worker had it, the last rendition's bytes were in the hot stream. */
  readonly given: number;
  readonly begun: number;
  readonly made: number;
  readonly published: number;
}

/** Moments of one segment from the camera to the screen, milliseconds of the wall clock. */
export interface SegmentMoments extends Passage {
  /** Its first frame and its last one happened. */
  readonly taken: number;
  readonly takenLast: number;
  /** Its last frame was sent. */
  readonly sent: number;
  /** The player asked for the picture, and had it. */
  readonly asked: number;
  readonly fetched: number;
  /** Its first frame was on the screen. */
  readonly shown: number;
}

/** Moments of one fragment's last frame in low latency, milliseconds of the wall clock. */
export interface FragmentPassage {
  /** Ingest had told it in the log, the leader had closed its place. */
  readonly logged: number;
  readonly closed: number;
  /** The fragment was in the hot stream, and published. */
  readonly made: number;
  readonly published: number;
}

/** See {@link FragmentPassage}: from the camera to the screen. */
export interface FragmentMoments extends FragmentPassage {
  readonly taken: number;
  readonly sent: number;
  readonly shown: number;
}

type Hops<Moments> = readonly (readonly [
  name: string,
  from: (moments: Moments) => number,
  to: (moments: Moments) => number,
])[];

const FRAGMENT_HOPS: Hops<FragmentMoments> = [
  ['encoder: its order of frames', ({ taken }) => taken, ({ sent }) => sent],
  ['ingest: sent to told in the log', ({ sent }) => sent, ({ logged }) => logged],
  ['scheduler: place closed', ({ logged }) => logged, ({ closed }) => closed],
  ['worker: decoded, encoded', ({ closed }) => closed, ({ made }) => made],
  ['origin: verified and published', ({ made }) => made, ({ published }) => published],
  ['edge and player', ({ published }) => published, ({ shown }) => shown],
];

/** The hops, in their order: what each begins and ends with. */
const SEGMENT_HOPS: Hops<SegmentMoments> = [
  ['the segment fills', ({ taken }) => taken, ({ takenLast }) => takenLast],
  ['encoder: its order of frames', ({ takenLast }) => takenLast, ({ sent }) => sent],
  ['ingest: sent to told in the log', ({ sent }) => sent, ({ logged }) => logged],
  ['scheduler: places closed', ({ logged }) => logged, ({ closed }) => closed],
  ['scheduler: task given', ({ closed }) => closed, ({ given }) => given],
  ['queue: until a worker takes it', ({ given }) => given, ({ begun }) => begun],
  ['worker: all renditions made', ({ begun }) => begun, ({ made }) => made],
  ['origin: verified and published', ({ made }) => made, ({ published }) => published],
  ['player: learns of it, asks', ({ published }) => published, askedFrom],
  ['edge: fetched', askedFrom, ({ fetched }) => fetched],
  ['player: its buffer', ({ fetched }) => fetched, ({ shown }) => shown],
];

/** A player that asks for what is not there yet waits for it, and that is none of its own time. */
function askedFrom({ asked, published }: SegmentMoments): number {
  return Math.max(asked, published);
}

/** One hop over all segments, milliseconds. */
export interface Hop {
  readonly name: string;
  readonly p50: number;
  readonly p95: number;
  readonly mean: number;
}

/** The hops of whole segments, and their sum last. */
export const budgetOf = (segments: readonly SegmentMoments[]): Hop[] =>
  hopsOf(segments, SEGMENT_HOPS);

/** The hops of fragments, and their sum last. */
export const fragmentBudgetOf = (fragments: readonly FragmentMoments[]): Hop[] =>
  hopsOf(fragments, FRAGMENT_HOPS);

function hopsOf<Moments extends { readonly taken: number; readonly shown: number }>(
  all: readonly Moments[],
  hops: Hops<Moments>,
): Hop[] {
  const hop = (name: string, values: readonly number[]): Hop => ({
    name,
    p50: percentile(values, 50),
    p95: percentile(values, 95),
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
  });
  return [
    ...hops.map(([name, from, to]) =>
      hop(
        name,
        all.map((moments) => to(moments) - from(moments)),
      ),
    ),
    hop(
      'glass to glass',
      all.map(({ taken, shown }) => shown - taken),
    ),
  ];
}
