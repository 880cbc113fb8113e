/** How late pictures and sound may come, and what follows from it: numbers that ingest, scheduler and origin must agree on. */
import type { Profile } from './contracts/channel.ts';
import { segmentSeconds, type Grid } from './grid.ts';
import { fromSeconds, milliseconds, type Milliseconds } from './time.ts';

/** A picture waits so long for one that is shown before it, by the feed's own time; sound that goes on without pictures is enough. */
export const PICTURE_ORDER_WAIT: Milliseconds = milliseconds(1000);

/**
 * However far sound once was ahead, no picture waits for others once sound has passed its time by this: half a second
 * later places are closed, and what is told by then is shown.
 */
export const LONGEST_ORDER_WAIT: Milliseconds = milliseconds(3000);

/** Between the moment that a frame is told and the latest that others of its track were ever told: what that may wander by. */
const LAG_MARGIN = 500;

/**
 * How far sound must have passed a place before it tells that no picture comes: a picture is told so much later than
 * sound of the same time, at most.
 * @param seen how late, after sound of its time, a picture of the feed has been told
 */
export const pictureLag = (seen: Milliseconds): Milliseconds =>
  milliseconds(Math.max(PICTURE_ORDER_WAIT, seen) + LAG_MARGIN);

/**
 * How far pictures must have passed a place before they tell that no sound comes: encoders interleave sound up to half a
 * second behind the pictures of its time.
 * @param seen how late, after pictures of its time, sound of the feed has been told
 */
export const soundLag = (seen: Milliseconds): Milliseconds => milliseconds(seen + LAG_MARGIN);

/** Segments that players keep between themselves and the newest one where there are no parts: the promise to bear lateness. */
export const PLAYERS_BEHIND_SEGMENTS = 3;

/** Players look for a new segment this seldom, at most, once it is due: half a target duration of 2 s, on the average half of that. */
const PLAYERS_LOOK = fromSeconds(0.5);

/** Where viewers are less than a segment behind, nothing is waited for longer. */
const LOW_LATENCY_WAIT: Milliseconds = milliseconds(500);

/**
 * How long after its time a place stays open for frames that are late, unless the owner set something else. In `standard` a
 * player plays one of its segments while the next one is fetched, and the rest of them is what a feed may be late by, with all
 * its frames shown and no player standing still: 3.5 s.
 */
export const closingWait = (profile: Profile, grid: Grid): Milliseconds =>
  profile === 'standard'
    ? milliseconds(fromSeconds((PLAYERS_BEHIND_SEGMENTS - 1) * segmentSeconds(grid)) - PLAYERS_LOOK)
    : LOW_LATENCY_WAIT;
