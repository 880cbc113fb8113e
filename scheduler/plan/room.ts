/** What is free for a broadcast that is about to begin, from what was found free while its feed was there. Pure. */
import { gridOf, timeOfFrame } from '#common/grid';
import type { Milliseconds } from '#common/time';
import type { SessionState } from './state.ts';

/** How far back a worker's word of its machine reaches: `transcoder/host-load.ts`. */
const REACH_MS = 2_000;

/** What was found free for a feed. */
export interface Room {
  readonly session: string;
  /** Whether it was found with the feed there all the time: an encoder that runs on the same machine is counted. */
  readonly isOfFeed: boolean;
  /** Null when no worker is known. */
  readonly freeCores: number | null;
}

/**
 * Takes what is free now. Before the feed has been there for as long as readings reach back, the newest word counts;
 * from then on the most that was free at any time, because a page that opens meanwhile is over soon.
 * @param before what this gave the last time
 * @param freeCores null when no worker is known
 */
export function roomWith(
  { session, fps, video: [first] }: Pick<SessionState, 'session' | 'fps' | 'video'>,
  before: Room | undefined,
  freeCores: number | null,
  now: Milliseconds,
): Room {
  const isOfFeed = first !== undefined && now - timeOfFrame(gridOf(fps), first.index) >= REACH_MS;
  const isMore =
    before?.session === session && before.isOfFeed && (before.freeCores ?? 0) > (freeCores ?? 0);
  return isMore ? before : { session, isOfFeed, freeCores };
}
