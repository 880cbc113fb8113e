/**
 * What the leader must append to a channel's log now, and when that will be. Pure: state, clock and settings in, marks out. Picture and sound
 * are decided each on its own. At most the rest of one segment of each is closed at a time; after a pause the caller asks again
 * until nothing is due.
 */
import type { Ladder, Profile } from '#common/contracts/channel';
import type { MarkEntry } from '#common/contracts/log';
import {
  SAMPLE_RATE,
  firstFrame,
  firstWholeSegment,
  gridOf,
  sampleOfFrame,
  segmentOfFrame,
  segmentOfSample,
  timeOfFrame,
  timeOfSample,
  type Grid,
} from '#common/grid';
import { pictureLag, soundLag } from '#common/lateness';
import { encodedSamplesOf } from '#common/sound-grid';
import {
  frameIndex,
  fromSeconds,
  greatest,
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
import {
  lastBegun,
  pictureClosings,
  soundClosings,
  wholeSegment,
  type SoundClosing,
} from './closings.ts';
import { EARLY_LEAD } from './early-lead.ts';
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
  /** Of a broadcast that begins now. */
  readonly profile: Profile;
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
    return earliest(NEVER, ...beginnings(state, settings).map(({ dueAt }) => dueAt));
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
 * In `standard` a broadcast is begun when the picture of its first segment may be closed: sooner nothing is made of it,
 * and by then readings of the machine are of the time with the feed, whose encoder may run on it.
 *
 * In low latency its first segment is made while it comes, so the broadcast is begun {@link EARLY_LEAD} before that, as
 * soon as a picture has come that can be decoded: with what is known of the machine by then.
 */
function beginnings(
  { sessions, floor }: ChannelState,
  { profile, closeAfter }: Pick<DecideSettings, 'profile' | 'closeAfter'>,
): readonly Beginning[] {
  const isAhead = profile !== 'standard';
  return sessions.flatMap((session) => {
    const grid = gridOf(session.fps);
    // Ahead of its first segment, what comes before that is enough.
    const showable = session.spent
      ? undefined
      : firstShowable(session, grid, isAhead ? frameIndex(0) : firstFrame(grid, floor));
    const { picture, highest, ended } = session;
    if (showable === undefined || picture === null) {
      return [];
    }
    const first = firstWholeSegment(grid, showable.frame.index);
    const broadcast = greatest(first, floor);
    const from = firstFrame(grid, broadcast);
    const hasBegun = highest >= from;
    if (!hasBegun && (!isAhead || ended !== null)) {
      return [];
    }
    const end = firstFrame(grid, segmentNumber(broadcast + 1));
    const isEnough = isAhead ? hasBegun : highest >= end || ended !== null;
    const time = isAhead
      ? timeOfFrame(grid, from) - EARLY_LEAD
      : timeOfFrame(grid, end) + closeAfter;
    const dueAt = isEnough ? WHATEVER_THE_TIME : milliseconds(time);
    return [{ session, picture, broadcast, dueAt }];
  });
}

function goOnAir(
  state: ChannelState,
  now: Milliseconds,
  settings: DecideSettings,
): readonly MarkEntry[] {
  const { ladder, profile, means, epoch } = settings;
  const begun = beginnings(state, settings).find(({ dueAt }) => now >= dueAt);
  if (begun === undefined) {
    return [];
  }
  const { session, picture, broadcast } = begun;
  const grid = gridOf(session.fps);
  const from = firstFrame(grid, broadcast);
  const whole = renditionsOf(ladder, picture, grid);
  const admitted = admit(whole, costSourceOf(picture, session, profile), grid, means);
  return [
    { t: 'on-air', epoch, broadcast, fps: session.fps, profile, ...admitted },
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

/** A place up to which can be closed, and from when on. */
interface Due<Place> {
  readonly at: Place;
  readonly dueAt: Milliseconds;
}

/** The last place of those that are due, one after another. */
function lastDue<Place>(dues: readonly Due<Place>[], now: Milliseconds): Place | undefined {
  const open = dues.findIndex(({ dueAt }) => now < dueAt);
  return dues.slice(0, open === -1 ? dues.length : open).at(-1)?.at;
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
    // A session shows something from its first place on: where a broadcast begins ahead of its feed, what came before.
    const begun = Math.max(shown.lastShown, current.from);
    this.#gapFrom = current.gapFrom ?? frameIndex(Math.max(begun + 1, air.closed.frame));
  }

  next(now: Milliseconds): readonly MarkEntry[] {
    if (now >= this.#endDueAt()) {
      return this.#end();
    }
    const changes = this.#changes();
    return changes.length > 0
      ? changes
      : [
          ...this.#closePicture(lastDue(this.#pictureDues(), now)),
          ...this.#closeSound(lastDue(this.#soundDues(), now)),
        ];
  }

  dueAt(): Milliseconds {
    return this.#changes().length > 0
      ? WHATEVER_THE_TIME
      : earliest(
          this.#endDueAt(),
          ...[...this.#pictureDues().slice(0, 1), ...this.#soundDues().slice(0, 1)].map(
            ({ dueAt }) => dueAt,
          ),
        );
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
    const min = greatest(this.#gapFrom, air.closed.frame);
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
  #fill(to: FrameIndex): readonly MarkEntry[] {
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

  /** How far a track has come behind the other one: an encoder that comes back is as it was. */
  #behind(track: 'pictures' | 'sound'): Milliseconds {
    const { shown, heard } = this.#onAir;
    return milliseconds(Math.max(shown.behind[track], heard.behind[track]));
  }

  /** Where pictures can be closed, and from when on. */
  #pictureDues(): readonly Due<FrameIndex>[] {
    return pictureClosings(this.#onAir.air).map((frame) => ({
      at: frame,
      dueAt: this.#pictureDueAt(frame),
    }));
  }

  #pictureDueAt(end: FrameIndex): Milliseconds {
    const { air, current, shown, heard } = this.#onAir;
    const time = timeOfFrame(this.#grid, end);
    // All below the highest has come; in `standard` a second picture for the last place is waited for, too.
    const reached = air.profile === 'standard' ? shown.highest : shown.highest + 1;
    if (current.gapFrom === undefined && reached >= end) {
      return WHATEVER_THE_TIME;
    }
    const seen = timeOfFrame(this.#grid, frameIndex(shown.highest + 1));
    const isAway = shown.ended !== null || time - seen > fromSeconds(GONE_SECONDS);
    const lag = pictureLag(this.#behind('pictures'));
    const told = timeOfSample(heard.soundEnd) - lag;
    const hasPassed = isAway && told >= time;
    return hasPassed ? WHATEVER_THE_TIME : milliseconds(time + this.#settings.closeAfter);
  }

  #closePicture(frame: FrameIndex | undefined): readonly MarkEntry[] {
    const { epoch } = this.#settings;
    return frame === undefined ? [] : [...this.#fill(frame), { t: 'picture-closed', epoch, frame }];
  }

  /** Where sound can be closed, and from when on. */
  #soundDues(): readonly Due<SamplePosition>[] {
    return soundClosings(this.#onAir.air).map((closing) => ({
      at: closing.sample,
      dueAt: this.#soundDueAt(closing),
    }));
  }

  #soundDueAt({ sample, frame }: SoundClosing): Milliseconds {
    const { current, shown, heard } = this.#onAir;
    if (heard.soundEnd >= sample) {
      return WHATEVER_THE_TIME;
    }
    const isAway = heard.ended !== null || heard.soundEnd < sample - GONE_SECONDS * SAMPLE_RATE;
    // A feed that never had sound is not waited for; one that had may come back with it behind its pictures.
    const lag = heard.soundEnd === 0 ? 0 : soundLag(this.#behind('sound'));
    const seen = timeOfFrame(this.#grid, frameIndex(shown.highest + 1)) - lag;
    const hasPassed =
      isAway && current.gapFrom === undefined && seen > timeOfFrame(this.#grid, frame);
    return hasPassed
      ? WHATEVER_THE_TIME
      : milliseconds(timeOfSample(sample) + this.#settings.closeAfter);
  }

  #closeSound(sample: SamplePosition | undefined): readonly MarkEntry[] {
    const { epoch } = this.#settings;
    return sample === undefined ? [] : [{ t: 'sound-closed', epoch, sample }];
  }

  /** Closes what was shown and heard, then goes off air. */
  #end(): readonly MarkEntry[] {
    const { air } = this.#onAir;
    const { broadcast, next } = air;
    const last = greatest(lastBegun(air), this.#lastSegment());
    const marks = [
      ...(next.picture <= last ? this.#closePicture(pictureClosings(air).at(-1)) : []),
      ...(next.sound <= last ? this.#closeSound(wholeSegment(air, next.sound).sample) : []),
    ];
    return marks.length > 0
      ? marks
      : [{ t: 'off-air', epoch: this.#settings.epoch, broadcast, last }];
  }

  /** The segment of the last picture, or of the sound that went on without pictures. */
  #lastSegment(): SegmentNumber {
    const { current, shown, heard } = this.#onAir;
    const pictures =
      current.gapFrom === undefined
        ? segmentOfFrame(this.#grid, frameIndex(shown.lastShown))
        : segmentNumber(Number.NEGATIVE_INFINITY);
    const after = sampleOfFrame(this.#grid, frameIndex(shown.lastShown + 1));
    return heard.soundEnd - after > TAIL_SECONDS * SAMPLE_RATE
      ? greatest(pictures, segmentOfSample(this.#grid, samplePosition(heard.soundEnd - 1)))
      : pictures;
  }
}
