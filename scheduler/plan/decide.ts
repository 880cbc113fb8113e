/**
 * What the leader must append to a channel's log now, and when that will be. Pure: state, clock and settings in, marks out. Picture and sound
 * are decided each on its own. At most one segment of each is closed at a time; after a pause the caller asks again
 * until nothing is due.
 */
import type { Ladder } from '#common/contracts/channel';
import type { MarkEntry } from '#common/contracts/log';
import {
  SAMPLE_RATE,
  firstFrame,
  firstWholeSegment,
  gridOf,
  sampleOfFrame,
  segmentOfFrame,
  timeOfFrame,
  timeOfSample,
  type Grid,
} from '#common/grid';
import { pictureLag, soundLag } from '#common/lateness';
import { encodedSamplesOf, soundClosedAt } from '#common/sound-grid';
import {
  frameIndex,
  fromSeconds,
  milliseconds,
  samplePosition,
  segmentNumber,
  type FrameIndex,
  type Milliseconds,
  type SamplePosition,
  type SegmentNumber,
} from '#common/time';
import { admit, costSourceOf, type Means } from './admission.ts';
import { firstAudible } from './audible.ts';
import { renditionsOf } from './ladder.ts';
import { currentPicture, slateFrom, type CurrentPicture } from './sources.ts';
import { firstShowable } from './start-points.ts';
import { sessionOf, type AirState, type ChannelState, type SessionState } from './state.ts';

/** A track that has been away this long is not waited for where the other one has passed. */
const GONE_SECONDS = 5;
/** Sound that ends so soon after the last picture belongs to its segment. */
const TAIL_SECONDS = 1;
/** A session whose end nobody told is not given up sooner than this, whatever the channel says. */
const SHORTEST_SILENCE_SECONDS = 10;

/** What decides besides the log. */
export interface DecideSettings {
  readonly ladder: Ladder;
  /** What there is to transcode a broadcast with that begins now. */
  readonly means: Means;
  readonly reconnectSeconds: number;
  /** How long after its time a place stays open. */
  readonly closeAfter: Milliseconds;
  /** The leader's epoch, carried by every mark. */
  readonly epoch: number;
  /** The operator asked for the broadcast's end. */
  readonly isEndAsked: boolean;
}

/** What the log alone makes due is due whatever the time: see {@link nextDue}. */
export const WHATEVER_THE_TIME: Milliseconds = milliseconds(Number.NEGATIVE_INFINITY);
/** Time makes nothing due: see {@link nextDue}. */
export const NEVER: Milliseconds = milliseconds(Number.POSITIVE_INFINITY);

const earliest = (...times: readonly number[]): Milliseconds => milliseconds(Math.min(...times));

/**
 * See the head of this file.
 * @param now {@link WHATEVER_THE_TIME} for what the log alone makes due
 */
export function decide(
  state: ChannelState,
  now: Milliseconds,
  settings: DecideSettings,
): readonly MarkEntry[] {
  if (state.air === null) {
    return goOnAir(state, now, settings);
  }
  return airingOf(state, state.air, settings)?.next(now) ?? [];
}

/**
 * From which moment on {@link decide} has marks to give, should the log bring nothing before that.
 * @returns {@link WHATEVER_THE_TIME} when the log alone makes something due, {@link NEVER} when time makes nothing due
 */
export function nextDue(state: ChannelState, settings: DecideSettings): Milliseconds {
  if (state.air === null) {
    return earliest(NEVER, ...beginnings(state, settings.closeAfter).map(({ dueAt }) => dueAt));
  }
  return airingOf(state, state.air, settings)?.dueAt() ?? NEVER;
}

function airingOf(
  state: ChannelState,
  air: AirState,
  settings: DecideSettings,
): Airing | undefined {
  const current = currentPicture(air);
  const shown = current && sessionOf(state, current.session);
  const heard = sessionOf(state, air.sounds.at(-1)?.session ?? '') ?? shown;
  return current === undefined || shown === undefined || heard === undefined
    ? undefined
    : new Airing({ state, air, current, shown, heard }, settings);
}

/** A session that a broadcast can begin with. */
interface Beginning {
  readonly session: SessionState;
  readonly picture: NonNullable<SessionState['picture']>;
  readonly broadcast: SegmentNumber;
  readonly dueAt: Milliseconds;
}

/**
 * A broadcast is begun when the picture of its first segment may be closed: sooner nothing is made of it, and by then
 * readings of the machine are of the time with the feed, whose encoder may run on it.
 */
function beginnings(state: ChannelState, closeAfter: Milliseconds): readonly Beginning[] {
  return state.sessions.flatMap((session) => {
    const grid = gridOf(session.fps);
    const showable = session.spent
      ? undefined
      : firstShowable(session, grid, state.floor * grid.segmentFrames);
    const { picture } = session;
    if (showable === undefined || picture === null) {
      return [];
    }
    const first = firstWholeSegment(grid, showable.frame.index);
    const broadcast = segmentNumber(Math.max(first, state.floor));
    if (session.highest < firstFrame(grid, broadcast)) {
      return [];
    }
    const end = firstFrame(grid, segmentNumber(broadcast + 1));
    const isWhole = session.highest >= end || session.ended !== null;
    const dueAt = isWhole ? WHATEVER_THE_TIME : milliseconds(timeOfFrame(grid, end) + closeAfter);
    return [{ session, picture, broadcast, dueAt }];
  });
}

function goOnAir(
  state: ChannelState,
  now: Milliseconds,
  { ladder, means, closeAfter, epoch }: DecideSettings,
): readonly MarkEntry[] {
  const begun = beginnings(state, closeAfter).find(({ dueAt }) => now >= dueAt);
  if (begun === undefined) {
    return [];
  }
  const { session, picture, broadcast } = begun;
  const grid = gridOf(session.fps);
  const from = firstFrame(grid, broadcast);
  const whole = renditionsOf(ladder, picture, grid);
  const admitted = admit(whole, costSourceOf(picture, session), grid, means);
  return [
    { t: 'on-air', epoch, broadcast, fps: session.fps, ...admitted },
    { t: 'picture', epoch, from, source: { kind: 'session', session: session.session } },
    // What the feed carried just before is context for the first segment.
    {
      t: 'sound',
      epoch,
      from: encodedSamplesOf(grid, broadcast).from,
      session: session.session,
    },
  ];
}

/** What is on air, and whose pictures and whose sound it is made of. */
interface OnAir {
  readonly state: ChannelState;
  readonly air: AirState;
  readonly current: CurrentPicture;
  /** The session shown now, or last. */
  readonly shown: SessionState;
  /** The session heard now, or last. */
  readonly heard: SessionState;
}

/** When a session's last sign of life ends, and how long after that it is given up. */
interface Sign {
  readonly at: number;
  readonly patience: number;
}

/** One decision about the broadcast on air, and when it is to be taken. */
class Airing {
  readonly #onAir: OnAir;
  readonly #settings: DecideSettings;
  readonly #grid: Grid;
  /** The first frame after the last that was shown. */
  readonly #gapFrom: FrameIndex;

  constructor(onAir: OnAir, settings: DecideSettings) {
    const { air, current, shown } = onAir;
    this.#onAir = onAir;
    this.#settings = settings;
    this.#grid = gridOf(air.fps);
    this.#gapFrom = current.gapFrom ?? frameIndex(Math.max(shown.lastShown + 1, air.closed.frame));
  }

  next(now: Milliseconds): readonly MarkEntry[] {
    if (now >= this.#endDueAt()) {
      return this.#end();
    }
    const changes = this.#changes();
    return changes.length > 0
      ? changes
      : [
          ...(now >= this.#pictureDueAt() ? this.#closePicture() : []),
          ...(now >= this.#soundDueAt() ? this.#closeSound() : []),
        ];
  }

  dueAt(): Milliseconds {
    return this.#changes().length > 0
      ? WHATEVER_THE_TIME
      : earliest(this.#endDueAt(), this.#pictureDueAt(), this.#soundDueAt());
  }

  #changes(): readonly MarkEntry[] {
    return [...this.#changePicture(), ...this.#changeSound()];
  }

  #endDueAt(): Milliseconds {
    const { state, shown, heard } = this.#onAir;
    const newest = state.sessions.findLast((session) => session === shown || session === heard);
    return this.#settings.isEndAsked || newest?.ended?.clean === true
      ? WHATEVER_THE_TIME
      : this.#givenUpAt();
  }

  /** The session that pictures go on with: this one after a gap, or the next to have come. */
  #changePicture(): readonly MarkEntry[] {
    const { state, air, current, shown } = this.#onAir;
    const { epoch } = this.#settings;
    const at = state.sessions.indexOf(shown) + (current.gapFrom === undefined ? 1 : 0);
    const min = Math.max(this.#gapFrom, air.closed.frame);
    for (const session of this.#usable(at)) {
      const showable = firstShowable(session, this.#grid, min);
      if (showable !== undefined) {
        const from = showable.frame.index;
        const source = { kind: 'session', session: session.session } as const;
        return [...this.#fill(from), { t: 'picture', epoch, from, source }];
      }
    }
    return [];
  }

  /** The next session to have sound after what was heard: it need not be the one whose pictures are shown. */
  #changeSound(): readonly MarkEntry[] {
    const { state, air, heard } = this.#onAir;
    const { epoch } = this.#settings;
    const last = air.sounds.at(-1)?.from ?? 0;
    const min = samplePosition(Math.max(heard.soundEnd, air.closed.sample, last + 1));
    for (const session of this.#usable(state.sessions.indexOf(heard) + 1)) {
      const from = firstAudible(session, min);
      if (from !== undefined) {
        return [{ t: 'sound', epoch, from, session: session.session }];
      }
    }
    return [];
  }

  /** Sessions from that place in their order on which this broadcast may be made of. */
  #usable(at: number): readonly SessionState[] {
    const { state, air } = this.#onAir;
    return state.sessions.slice(at).filter(({ spent, fps }) => !spent && fps === air.fps);
  }

  /** When the publisher has been gone for too long, with pictures and sound: by the clock, or before a session that is to follow. */
  #givenUpAt(): Milliseconds {
    const { state, shown, heard } = this.#onAir;
    const isOnAir = (session: SessionState): boolean => session === shown || session === heard;
    const newest = state.sessions.findLastIndex(isOnAir);
    const following = new Set(this.#usable(newest + 1));
    let last: Sign | undefined;
    for (const session of this.#usable(state.sessions.findIndex(isOnAir))) {
      if (session.highest < 0 && session.soundEnd === 0) {
        continue;
      }
      const beginning = this.#beginningOf(session);
      const isLate =
        following.has(session) &&
        last !== undefined &&
        beginning !== undefined &&
        beginning - last.at >= last.patience;
      if (isLate) {
        return WHATEVER_THE_TIME;
      }
      const sign = this.#lastSignOf(session);
      last = last === undefined || sign.at > last.at ? sign : last;
    }
    return last === undefined ? NEVER : milliseconds(last.at + last.patience);
  }

  /** When a session's oldest frame is; undefined when none is remembered: those that came too late are forgotten. */
  #beginningOf({ video, sound }: SessionState): number | undefined {
    const times = [
      ...video.slice(0, 1).map(({ index }) => timeOfFrame(this.#grid, index)),
      ...sound.slice(0, 1).map(({ origin }) => timeOfSample(origin)),
    ];
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #lastSignOf({ ended, highest, soundEnd }: SessionState): Sign {
    const patience = fromSeconds(this.#settings.reconnectSeconds);
    if (ended !== null) {
      return { at: ended.at, patience };
    }
    const pictures = timeOfFrame(this.#grid, frameIndex(highest + 1));
    return {
      at: Math.max(pictures, timeOfSample(soundEnd)),
      patience: Math.max(patience, fromSeconds(SHORTEST_SILENCE_SECONDS)),
    };
  }

  /** The marks of hold and slate that frames from the gap's beginning up to `to` need and do not have yet. */
  #fill(to: number): readonly MarkEntry[] {
    const { current } = this.#onAir;
    const { epoch } = this.#settings;
    const marks: MarkEntry[] = [];
    const from = this.#gapFrom;
    if (current.gapFrom === undefined && from < to) {
      marks.push({ t: 'picture', epoch, from, source: { kind: 'hold' } });
    }
    const slate = slateFrom(this.#grid, from);
    if (!current.isSlate && slate < to) {
      marks.push({ t: 'picture', epoch, from: slate, source: { kind: 'slate' } });
    }
    return marks;
  }

  /** Where the picture of the next segment to close ends. */
  #pictureEnd(): FrameIndex {
    return firstFrame(this.#grid, segmentNumber(this.#onAir.air.next.picture + 1));
  }

  /** How far a track has come behind the other one: an encoder that comes back is as it was. */
  #behind(track: 'pictures' | 'sound'): Milliseconds {
    const { shown, heard } = this.#onAir;
    return milliseconds(Math.max(shown.behind[track], heard.behind[track]));
  }

  #pictureDueAt(): Milliseconds {
    const { current, shown, heard } = this.#onAir;
    const end = this.#pictureEnd();
    const time = timeOfFrame(this.#grid, end);
    if (current.gapFrom === undefined && shown.highest >= end) {
      return WHATEVER_THE_TIME;
    }
    const seen = timeOfFrame(this.#grid, frameIndex(shown.highest + 1));
    const isAway = shown.ended !== null || time - seen > fromSeconds(GONE_SECONDS);
    const lag = pictureLag(this.#behind('pictures'));
    const told = timeOfSample(heard.soundEnd) - lag;
    const hasPassed = isAway && told >= time;
    return hasPassed ? WHATEVER_THE_TIME : milliseconds(time + this.#settings.closeAfter);
  }

  #closePicture(): readonly MarkEntry[] {
    const { epoch } = this.#settings;
    const frame = this.#pictureEnd();
    return [...this.#fill(frame), { t: 'picture-closed', epoch, frame }];
  }

  /** How far sound must have come before that of the next segment to close can be coded. */
  #soundEnd(): SamplePosition {
    return soundClosedAt(this.#grid, this.#onAir.air.next.sound);
  }

  #soundDueAt(): Milliseconds {
    const { current, shown, heard } = this.#onAir;
    const end = this.#soundEnd();
    if (heard.soundEnd >= end) {
      return WHATEVER_THE_TIME;
    }
    const time = timeOfSample(end);
    const isAway = heard.ended !== null || heard.soundEnd < end - GONE_SECONDS * SAMPLE_RATE;
    const picture = firstFrame(this.#grid, segmentNumber(this.#onAir.air.next.sound + 1));
    // A feed that never had sound is not waited for; one that had may come back with it behind its pictures.
    const lag = heard.soundEnd === 0 ? 0 : soundLag(this.#behind('sound'));
    const seen = timeOfFrame(this.#grid, frameIndex(shown.highest + 1)) - lag;
    const hasPassed =
      isAway && current.gapFrom === undefined && seen > timeOfFrame(this.#grid, picture);
    return hasPassed ? WHATEVER_THE_TIME : milliseconds(time + this.#settings.closeAfter);
  }

  #closeSound(): readonly MarkEntry[] {
    return [{ t: 'sound-closed', epoch: this.#settings.epoch, sample: this.#soundEnd() }];
  }

  /** Closes what was shown and heard, then goes off air. */
  #end(): readonly MarkEntry[] {
    const { broadcast, next } = this.#onAir.air;
    const last = segmentNumber(Math.max(next.picture - 1, next.sound - 1, this.#lastSegment()));
    const marks = [
      ...(next.picture <= last ? this.#closePicture() : []),
      ...(next.sound <= last ? this.#closeSound() : []),
    ];
    return marks.length > 0
      ? marks
      : [{ t: 'off-air', epoch: this.#settings.epoch, broadcast, last }];
  }

  /** The segment of the last picture, or of the sound that went on without pictures. */
  #lastSegment(): number {
    const { current, shown, heard } = this.#onAir;
    const pictures =
      current.gapFrom === undefined
        ? segmentOfFrame(this.#grid, frameIndex(shown.lastShown))
        : Number.NEGATIVE_INFINITY;
    const after = sampleOfFrame(this.#grid, frameIndex(shown.lastShown + 1));
    return heard.soundEnd - after > TAIL_SECONDS * SAMPLE_RATE
      ? Math.max(pictures, Math.floor((heard.soundEnd - 1) / this.#grid.segmentSamples))
      : pictures;
  }
}
