/** Early tasks: which are due, and which worker makes each. Pure. */
import type { Profile } from '#common/contracts/channel';
import type { DecodeFrom, EarlyTask, ShownEntry } from '#common/contracts/early-task';
import { madeAt } from '#common/contracts/shed';
import { firstFrame, gridOf, segmentOfTime, timeOfSegment, type Grid } from '#common/grid';
import { closingWait } from '#common/lateness';
import { encodedSamplesOf } from '#common/sound-grid';
import type { KnownWorker } from '#common/worker-capacities';
import {
  greatest,
  milliseconds,
  segmentNumber,
  type Milliseconds,
  type FrameIndex,
  type SegmentNumber,
} from '#common/time';
import { freeCores } from './capacity.ts';
import { picturesClosedTo } from './closings.ts';
import { decodedSize } from './decoded-size.ts';
import { EARLY_LEAD } from './early-lead.ts';
import { earlierStart, pictureAt, pictureUp, shownPicture, type Picture } from './shown.ts';
import { currentPicture } from './sources.ts';
import { firstShowable, lastShowable } from './start-points.ts';
import { restartsOf } from './plan.ts';
import { nextSegment, sessionOf, type AirState, type ChannelState } from './state.ts';

/** How long after its last place is closed a segment must be finished, before it is made elsewhere. */
const FINISH_MS = 1_000;

/** An early task that has no place in the `shown` stream yet. */
export type DueEarlyTask = Omit<EarlyTask, 'after' | 'isTakenOver' | 'isStandby'>;

/**
 * The early tasks that are due: of segments that are not closed, up to the one that begins within {@link EARLY_LEAD}, and
 * that can still be made in time. Their `after` is an id before the first entry that {@link isOfSegment}.
 * @param given the last segment that was given out, of this broadcast
 */
export function dueEarlyTasks(
  channel: string,
  state: ChannelState,
  now: Milliseconds,
  given: SegmentNumber | undefined,
): readonly DueEarlyTask[] {
  const { air } = state;
  if (air === null || air.profile === 'standard') {
    return [];
  }
  const grid = gridOf(air.fps);
  const last = segmentOfTime(grid, milliseconds(now + EARLY_LEAD));
  const tasks: DueEarlyTask[] = [];
  for (let n = firstOpen(air, given); n <= last; n = segmentNumber(n + 1)) {
    const task = earlyTaskOf(channel, state, air, n);
    if (now < task.deadline) {
      tasks.push(task);
    }
  }
  return tasks;
}

/** From when on {@link dueEarlyTasks} has the next, infinity where there will be none. */
export function nextEarlyTaskDue(
  { air }: ChannelState,
  given: SegmentNumber | undefined,
): Milliseconds {
  return milliseconds(
    air === null || air.profile === 'standard'
      ? Number.POSITIVE_INFINITY
      : timeOfSegment(gridOf(air.fps), firstOpen(air, given)) - EARLY_LEAD,
  );
}

const firstOpen = (air: AirState, given: SegmentNumber | undefined): SegmentNumber =>
  greatest(nextSegment(air), segmentNumber((given ?? -1) + 1));

/** Whether a segment's worker must have read an entry: it tells places of the segment, or of its sound's context. */
export function isOfSegment(grid: Grid, n: SegmentNumber, entry: ShownEntry): boolean {
  switch (entry.t) {
    case 'pictures':
      return entry.to > firstFrame(grid, n);
    case 'sound':
      return entry.to > encodedSamplesOf(grid, n).from;
    case 'withheld':
      // Tasks that are written after it say so themselves.
      return false;
    case 'end':
      return true;
  }
}

/** The early task of segment `n`, due or not: also of one that is given out again, to another worker. */
export function earlyTaskOf(
  channel: string,
  state: ChannelState,
  air: AirState,
  n: SegmentNumber,
): DueEarlyTask {
  const { broadcast, fps, profile } = air;
  const grid = gridOf(fps);
  const { picture, decode } = openingOf(state, air, n);
  const renditions = [...madeAt(air, n)];
  const decoded = decodedSize(air, n, renditions);
  const restarts = restartsOf(air, n, renditions);
  return {
    channel,
    broadcast,
    n,
    fps,
    profile,
    renditions,
    ...(decoded === undefined ? {} : { decoded }),
    ...(restarts === undefined ? {} : { restarts }),
    decode,
    opening: shownPicture(picture, openingPlace(picture, firstFrame(grid, n))),
    deadline: deadlineOf(profile, grid, n),
  };
}

/** When segment `n` must be finished: after that it is made elsewhere. */
export const deadlineOf = (profile: Profile, grid: Grid, n: SegmentNumber): Milliseconds =>
  milliseconds(timeOfSegment(grid, segmentNumber(n + 1)) + closingWait(profile, grid) + FINISH_MS);

/** Where a picture that is up when a segment begins went up, for its worker to keep it from there on. */
const openingPlace = (picture: Picture, first: FrameIndex): FrameIndex =>
  picture.kind === 'frame' && picture.frame.index < first ? picture.frame.index : first;

interface Opening {
  readonly picture: Picture;
  readonly decode: DecodeFrom | null;
}

/** What a segment begins with, as far as that is closed: else what is up now. */
function openingOf(state: ChannelState, air: AirState, n: SegmentNumber): Opening {
  const grid = gridOf(air.fps);
  const first = firstFrame(grid, n);
  const up = picturesClosedTo(air) > first ? pictureAt(state, air, first) : pictureUp(state, air);
  return up === undefined ? firstOpening(state, air) : { picture: up, decode: decodeOf(up) };
}

/** Before anything of a broadcast is closed: the feed's last picture before it, if one has come. */
function firstOpening(state: ChannelState, air: AirState): Opening {
  const grid = gridOf(air.fps);
  const first = firstFrame(grid, air.broadcast);
  const session = sessionOf(state, currentPicture(air)?.session ?? '');
  const before = session && lastShowable(session, grid, first);
  const next = before ?? (session && firstShowable(session, grid, first));
  const decode =
    session === undefined || next === undefined
      ? null
      : decodeOf({ kind: 'frame', session, frame: next.frame });
  const picture: Picture =
    session === undefined || before === undefined
      ? { kind: 'slate' }
      : { kind: 'frame', session, frame: before.frame };
  return { picture, decode };
}

function decodeOf(picture: Picture): DecodeFrom | null {
  if (picture.kind === 'slate') {
    return null;
  }
  return earlierStart(null, picture.session, picture.frame);
}

/** What placing looks at. */
export interface Placing {
  readonly channel: string;
  readonly broadcast: SegmentNumber;
  readonly n: SegmentNumber;
  /** Ids of the renditions made. */
  readonly renditions: readonly string[];
  /** What they cost, in cores of `common/transcode-cost.ts`. */
  readonly cores: number;
}

/** A task that a worker has, and has not finished. */
export interface Carried extends Placing {
  readonly worker: string;
}

const isOfBroadcast = (a: Placing, b: Placing): boolean =>
  a.channel === b.channel && a.broadcast === b.broadcast;

const isSameWork = (a: Placing, b: Placing): boolean =>
  isOfBroadcast(a, b) && a.n === b.n && a.renditions.some((id) => b.renditions.includes(id));

/**
 * Cores that tasks take. Those of one broadcast at one worker count once: a segment and the next overlap for a moment,
 * while one ends and the other's ffmpeg waits for its first picture.
 */
function coresOf(tasks: readonly Carried[]): number {
  const most = new Map<string, Map<string, number>>();
  for (const { worker, channel, broadcast, n, cores } of tasks) {
    const key = JSON.stringify([worker, channel, broadcast]);
    const bySegment = most.get(key) ?? new Map<string, number>();
    bySegment.set(String(n), (bySegment.get(String(n)) ?? 0) + cores);
    most.set(key, bySegment);
  }
  return [...most.values()].reduce((sum, bySegment) => sum + Math.max(...bySegment.values()), 0);
}

const ANYWHERE = { mustFit: false, onOtherMachine: false };

/**
 * The worker for a task: the one whose decoder runs on from the segment before, if its machine can carry that; else that
 * on the machine with the most room. One that makes the same already does not come into question, so a task that is placed
 * again goes elsewhere.
 * @param workers those that can be heard of
 * @param carried what workers have, these and others
 * @param limits `mustFit`: only where there is room; `onOtherMachine`: not on one where a worker makes the same already
 * @returns undefined when there is no worker for it; where none has room, that with the least too little
 */
export function placeEarlyTask(
  task: Placing,
  workers: readonly KnownWorker[],
  carried: readonly Carried[],
  {
    mustFit,
    onOtherMachine,
  }: { readonly mustFit: boolean; readonly onOtherMachine: boolean } = ANYWHERE,
): string | undefined {
  const making = new Set(carried.filter((has) => isSameWork(has, task)).map((has) => has.worker));
  const machines = new Set(
    workers.filter(({ id }) => making.has(id)).map(({ capacity }) => capacity.host),
  );
  const candidates = workers
    .filter(({ id }) => !making.has(id))
    .filter(({ capacity }) => !onOtherMachine || !machines.has(capacity.host))
    .map(({ id, capacity: { host } }) => {
      const onHost = workers.filter(({ capacity }) => capacity.host === host);
      const ids = new Set(onHost.map((worker) => worker.id));
      const all = freeCores(
        onHost.map(({ capacity }) => capacity),
        0,
      );
      const load = coresOf([
        ...carried.filter(({ worker }) => ids.has(worker)),
        { ...task, worker: id },
      ]);
      const own = carried.filter(({ worker }) => worker === id);
      return {
        id,
        room: (all ?? 0) - load,
        goesOn: own.some((has) => isOfBroadcast(has, task) && has.n === task.n - 1),
        count: own.length,
      };
    });
  const [best] = candidates.toSorted(
    (a, b) =>
      Number(b.goesOn && b.room >= 0) - Number(a.goesOn && a.room >= 0) ||
      b.room - a.room ||
      Number(b.goesOn) - Number(a.goesOn) ||
      a.count - b.count ||
      (a.id < b.id ? -1 : 1),
  );
  return best !== undefined && mustFit && best.room < 0 ? undefined : best?.id;
}
