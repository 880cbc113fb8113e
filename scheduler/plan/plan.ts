/** Tasks: a segment is a pure function of the log up to its closed mark, the raw frames and the settings. */
import { createHash } from 'node:crypto';
import type { PictureSize } from '#common/contracts/rendition';
import { generationOf, restartsFor, type Restart } from '#common/contracts/restart';
import { madeAt, withheldAt } from '#common/contracts/shed';
import type { SoundSpan, Task, VideoSpan } from '#common/contracts/task';
import { firstFrame, gridOf, segmentSeconds, timeOfSegment } from '#common/grid';
import { PLAYERS_BEHIND_SEGMENTS } from '#common/lateness';
import { fromSeconds, milliseconds, segmentNumber, type SegmentNumber } from '#common/time';
import { canonicalJson } from './canonical-json.ts';
import { decodedSize } from './decoded-size.ts';
import { planSound } from './plan-sound.ts';
import { planVideo } from './plan-video.ts';
import type { AirState, ChannelState } from './state.ts';

/**
 * The task of segment `n`, from the state right after the mark that closed it.
 * @throws RangeError when no broadcast is on air
 */
export function planSegment(channel: string, state: ChannelState, n: SegmentNumber): Task {
  const { air } = state;
  if (air === null) {
    throw new RangeError(`segment ${n} of ${channel} belongs to no broadcast`);
  }
  const renditions = [...madeAt(air, n)];
  return taskOf(
    channel,
    madeFor(air, n, renditions),
    n,
    planVideo(state, air, n),
    planSound(state, air, n),
  );
}

/**
 * The task of what is withheld of segment `n`, to be made afterwards, from the state right after the mark that closed it;
 * undefined when nothing is.
 * @throws RangeError when no broadcast is on air
 */
export function planOwed(channel: string, state: ChannelState, n: SegmentNumber): Task | undefined {
  const { air } = state;
  if (air === null) {
    throw new RangeError(`segment ${n} of ${channel} belongs to no broadcast`);
  }
  const withheld = withheldAt(air, n);
  const renditions = air.renditions.filter(({ id }) => withheld.has(id));
  return renditions.length === 0
    ? undefined
    : taskOf(
        channel,
        madeFor(air, n, renditions),
        n,
        planVideo(state, air, n),
        planSound(state, air, n),
      );
}

/** A closed segment's task where some of its renditions are given up: what is left of it, and what is owed of it. */
export interface SplitTask {
  readonly made: Task;
  readonly owed: Task;
}

/** Splits a task by what is withheld of its segment now; undefined where it has nothing of that, or nothing else. */
export function splitTask(task: Task, air: AirState): SplitTask | undefined {
  const withheld = withheldAt(air, task.n);
  const of = (isWithheld: boolean): Task['renditions'] =>
    task.renditions.filter(({ id }) => withheld.has(id) === isWithheld);
  const [left, gone] = [of(false), of(true)];
  if (left.length === 0 || gone.length === 0) {
    return undefined;
  }
  const { channel, n, video, sound } = task;
  const taskWith = (renditions: Task['renditions']): Task =>
    taskOf(channel, { ...task, ...madeFor(air, n, renditions) }, n, video, sound);
  return { made: taskWith(left), owed: taskWith(gone) };
}

/** A closed segment's task, its encoders having begun anew since. */
export function restartedTask(task: Task, restart: Restart): Task {
  const { channel, n, renditions, restarts = [], video, sound } = task;
  if (restart.generation <= generationOf(restarts)) {
    return task;
  }
  const all = restartsFor([...restarts, restart], renditions);
  return taskOf(channel, { ...task, restarts: all }, n, video, sound);
}

/** The task that resolves a number when nothing else can: the slate, and silence. */
export function planFiller(task: Task): Task {
  const from = firstFrame(gridOf(task.fps), task.n);
  return taskOf(task.channel, task, task.n, [{ kind: 'slate', from }], []);
}

interface MadeFor extends Pick<Task, 'broadcast' | 'fps' | 'profile' | 'renditions'> {
  readonly decoded?: PictureSize | undefined;
  readonly restarts?: readonly Restart[] | undefined;
}

/** What a task of these renditions of segment `n` is made for. */
function madeFor(air: AirState, n: SegmentNumber, renditions: Task['renditions']): MadeFor {
  const { broadcast, fps, profile } = air;
  const decoded = decodedSize(air, n, renditions);
  return { broadcast, fps, profile, renditions, decoded, restarts: restartsOf(air, n, renditions) };
}

/** Where encoders of these renditions of segment `n` began anew. */
export function restartsOf(
  { restarts }: Pick<AirState, 'restarts'>,
  n: SegmentNumber,
  renditions: Task['renditions'],
): Restart[] | undefined {
  const own = restarts.filter((restart) => restart.n === n);
  return restartsFor(
    own.map(({ generation, from }) => ({ generation, from })),
    renditions,
  );
}

function taskOf(
  channel: string,
  { broadcast, fps, profile, renditions, decoded, restarts }: MadeFor,
  n: SegmentNumber,
  video: VideoSpan[],
  sound: SoundSpan[],
): Task {
  const grid = gridOf(fps);
  const hash = createHash('sha256')
    .update(canonicalJson({ fps, n, profile, renditions, decoded, restarts, video, sound }))
    .digest('hex');
  const end = timeOfSegment(grid, segmentNumber(n + 1));
  const behind = fromSeconds(PLAYERS_BEHIND_SEGMENTS * segmentSeconds(grid));
  const deadline = milliseconds(end + behind);
  return {
    channel,
    broadcast,
    n,
    fps,
    profile,
    renditions,
    ...(decoded === undefined ? {} : { decoded }),
    ...(restarts === undefined ? {} : { restarts: [...restarts] }),
    video,
    sound,
    hash,
    deadline,
  };
}
