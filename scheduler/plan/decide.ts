/**
 * What the leader must append to a channel's log now. Pure: state, clock and settings in, marks out. At most one
 * segment is closed at a time; after a pause the caller asks again until nothing is due.
 */
import type { Ladder } from '#common/contracts/channel';
import type { MarkEntry } from '#common/contracts/log';
import {
  AAC_FRAME_SAMPLES,
  SAMPLE_RATE,
  aacFramesOf,
  firstWholeSegment,
  gridOf,
  segmentOfFrame,
  timeOfFrame,
  type Grid,
} from '#common/grid';
import {
  frameIndex,
  fromSeconds,
  segmentNumber,
  type Milliseconds,
  type SegmentNumber,
} from '#common/time';
import { admit, costSourceOf, type Means } from './admission.ts';
import { renditionsOf } from './ladder.ts';
import { currentSource, slateFrom, type Current } from './sources.ts';
import { firstShowable } from './start-points.ts';
import { sessionOf, type AirState, type ChannelState, type SessionState } from './state.ts';

/** AAC frames after a segment's last that its sound needs before it can be coded. */
const CONTEXT_FRAMES = 4;
/** Sound that has been away this long is not waited for. */
const SOUND_GONE_SAMPLES = 5 * SAMPLE_RATE;
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

/** See the head of this file. */
export function decide(
  state: ChannelState,
  now: Milliseconds,
  settings: DecideSettings,
): readonly MarkEntry[] {
  if (state.air === null) {
    return goOnAir(state, settings);
  }
  const current = currentSource(state.air);
  const session = current && sessionOf(state, current.session);
  if (current === undefined || session === undefined) {
    return [];
  }
  return new Airing(state.air, current, session, settings).next(state, now);
}

function goOnAir(
  state: ChannelState,
  { ladder, means, epoch }: DecideSettings,
): readonly MarkEntry[] {
  for (const session of state.sessions) {
    const grid = gridOf(session.fps);
    const showable = session.spent
      ? undefined
      : firstShowable(session, grid, state.floor * grid.segmentFrames);
    if (showable === undefined) {
      continue;
    }
    const first = firstWholeSegment(grid, frameIndex(showable.frame.index));
    const broadcast = Math.max(first, state.floor);
    const from = broadcast * grid.segmentFrames;
    if (session.highest >= from) {
      const whole = renditionsOf(ladder, session, grid);
      const admitted = admit(whole, costSourceOf(session), grid, means);
      return [
        { t: 'on-air', epoch, broadcast, fps: session.fps, ...admitted },
        { t: 'source', epoch, from, source: { kind: 'session', session: session.session } },
      ];
    }
  }
  return [];
}

/** One decision about the broadcast on air. */
class Airing {
  readonly #air: AirState;
  readonly #current: Current;
  readonly #session: SessionState;
  readonly #settings: DecideSettings;
  readonly #grid: Grid;
  /** The first frame after the last that was shown. */
  readonly #gapFrom: number;

  constructor(air: AirState, current: Current, session: SessionState, settings: DecideSettings) {
    this.#air = air;
    this.#current = current;
    this.#session = session;
    this.#settings = settings;
    this.#grid = gridOf(air.fps);
    this.#gapFrom = current.gapFrom ?? Math.max(session.lastShown + 1, air.closed.frame);
  }

  next(state: ChannelState, now: Milliseconds): readonly MarkEntry[] {
    if (this.#settings.isEndAsked || this.#session.ended?.clean === true) {
      return this.#end();
    }
    const successor = this.#successor(state);
    if (successor !== undefined) {
      const back = timeOfFrame(this.#grid, frameIndex(successor.from));
      return this.#isGivenUp(back) ? this.#end() : this.#resume(successor);
    }
    if (this.#isGivenUp(now)) {
      return this.#end();
    }
    return this.#isDue(now) ? this.#close() : [];
  }

  /** The session that goes on from here: this one after a gap, or the next to have come. */
  #successor(state: ChannelState): { session: string; from: number } | undefined {
    const at = state.sessions.indexOf(this.#session);
    const isShown = this.#current.gapFrom === undefined;
    const min = Math.max(this.#gapFrom, this.#air.closed.frame);
    for (const session of state.sessions.slice(isShown ? at + 1 : at)) {
      const showable =
        session.spent || session.fps !== this.#air.fps
          ? undefined
          : firstShowable(session, this.#grid, min);
      if (showable !== undefined) {
        return { session: session.session, from: showable.frame.index };
      }
    }
    return undefined;
  }

  /** Whether the publisher had been gone for too long at that time. */
  #isGivenUp(at: Milliseconds): boolean {
    const { reconnectSeconds } = this.#settings;
    const ended = this.#session.ended;
    return ended === null
      ? at - timeOfFrame(this.#grid, frameIndex(this.#gapFrom)) >=
          fromSeconds(Math.max(reconnectSeconds, SHORTEST_SILENCE_SECONDS))
      : at - ended.at >= fromSeconds(reconnectSeconds);
  }

  #resume(successor: { session: string; from: number }): readonly MarkEntry[] {
    const { epoch } = this.#settings;
    const { session, from } = successor;
    return [
      ...this.#fill(from),
      { t: 'source', epoch, from, source: { kind: 'session', session } },
    ];
  }

  /** The marks of hold and slate that frames from the gap's beginning up to `to` need and do not have yet. */
  #fill(to: number): readonly MarkEntry[] {
    const { epoch } = this.#settings;
    const marks: MarkEntry[] = [];
    const from = this.#gapFrom;
    if (this.#current.gapFrom === undefined && from < to) {
      marks.push({ t: 'source', epoch, from, source: { kind: 'hold' } });
    }
    const slate = slateFrom(this.#grid, from);
    if (!this.#current.isSlate && slate < to) {
      marks.push({ t: 'source', epoch, from: slate, source: { kind: 'slate' } });
    }
    return marks;
  }

  #isDue(now: Milliseconds): boolean {
    const { frame, sample } = this.#endOfNext();
    const time = Math.max(timeOfFrame(this.#grid, frame), (sample * 1000) / SAMPLE_RATE);
    return this.#hasPassed(frame, sample) || now >= time + this.#settings.closeAfter;
  }

  #hasPassed(frame: number, sample: number): boolean {
    const { highest, soundEnd, ended } = this.#session;
    if (this.#current.gapFrom !== undefined || highest < frame) {
      return false;
    }
    const isSoundAway = soundEnd === 0 || soundEnd < sample - SOUND_GONE_SAMPLES;
    return soundEnd >= sample || isSoundAway || ended !== null;
  }

  #endOfNext(): { frame: ReturnType<typeof frameIndex>; sample: number } {
    const n = segmentNumber(this.#air.next);
    return {
      frame: frameIndex((n + 1) * this.#grid.segmentFrames),
      sample: AAC_FRAME_SAMPLES * (aacFramesOf(this.#grid, n).end + CONTEXT_FRAMES),
    };
  }

  #close(): readonly MarkEntry[] {
    const { frame, sample } = this.#endOfNext();
    return [...this.#fill(frame), { t: 'closed', epoch: this.#settings.epoch, frame, sample }];
  }

  /** Closes what was shown, then goes off air. */
  #end(): readonly MarkEntry[] {
    const { broadcast, next } = this.#air;
    const shown: SegmentNumber =
      this.#current.gapFrom === undefined
        ? segmentOfFrame(this.#grid, frameIndex(this.#session.lastShown))
        : segmentNumber(next - 1);
    const last = Math.max(next - 1, shown);
    return next <= last
      ? this.#close()
      : [{ t: 'off-air', epoch: this.#settings.epoch, broadcast, last }];
  }
}
