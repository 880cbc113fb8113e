/** A channel's life, made from a seed: publishers that come, stall, reorder pictures, vanish and come back, and the leader's marks among them. */
import type { IngestEntry, LogEntry, SoundRow, VideoRow } from '#common/contracts/log';
import { FRAME_FLAGS } from '#common/contracts/log';
import { SAMPLE_RATE, gridOf, placeOfTime, segmentOfFrame, type FpsName } from '#common/grid';
import {
  frameIndex,
  milliseconds,
  samplePosition,
  segmentNumber,
  type SamplePosition,
} from '#common/time';
import {
  WHATEVER_THE_TIME,
  decide,
  nextDue,
  type DecideSettings,
} from '../../../scheduler/plan/decide.ts';
import { fold } from '../../../scheduler/plan/fold.ts';
import { emptyChannel, type ChannelState } from '../../../scheduler/plan/state.ts';
import { DEFAULT_LADDER } from '#common/contracts/channel';

/** 2026-11-23 00:00:00 UTC: numbers as large as they are in production. */
export const EPOCH = Date.UTC(2026, 10, 23);

/** Settings of every simulated channel. */
export const SETTINGS: DecideSettings = {
  ladder: DEFAULT_LADDER,
  profile: 'standard',
  means: { freeCores: null, isFixed: false },
  reconnectSeconds: 12,
  closeAfter: milliseconds(2_000),
  epoch: 1,
  isEndAsked: false,
};

/** Settings of a channel in low latency. */
export const LOW_LATENCY: DecideSettings = {
  ...SETTINGS,
  profile: 'low',
  closeAfter: milliseconds(500),
};

/** A publisher whose frames are told to a log, one entry for a picture and the sound that came with it. */
export class SimulatedSession {
  readonly #name: string;
  readonly #fps: FpsName;
  readonly #keyframeEvery: number;
  readonly #rate: number;
  readonly #reorder: boolean;
  readonly #behind: { readonly pictures?: number; readonly sound?: number };
  readonly #origin: SamplePosition;
  readonly #hasFields: boolean;
  readonly #shake: () => number;
  #seq = 0;
  #k = 0;
  #index: number;
  #sinceKey = 0;

  constructor(
    name: string,
    options: {
      readonly fps: FpsName;
      readonly at: number;
      readonly keyframeEvery: number;
      readonly rate: number;
      readonly reorder: boolean;
      /** Milliseconds that pictures, or sound, come after the other track's of their time. */
      readonly behind?: { readonly pictures?: number; readonly sound?: number };
      /** Every picture is of two fields and has two places. */
      readonly hasFields?: boolean;
      /** Below 0.05 a picture has the place of the one before. */
      readonly shake?: () => number;
    },
  ) {
    this.#name = name;
    this.#fps = options.fps;
    this.#keyframeEvery = options.keyframeEvery;
    this.#rate = options.rate;
    this.#reorder = options.reorder;
    this.#behind = options.behind ?? {};
    this.#hasFields = options.hasFields ?? false;
    this.#shake = options.shake ?? (() => 1);
    this.#index = Math.floor(placeOfTime(gridOf(options.fps), milliseconds(options.at)));
    this.#origin = samplePosition(Math.round((options.at * SAMPLE_RATE) / 1000));
  }

  begin(at: number): IngestEntry {
    const audio = this.#rate === 0 ? null : { rate: this.#rate, channels: 2 };
    const video = { width: 1280, height: 720 };
    const { session, fps } = { session: this.#name, fps: this.#fps };
    return { t: 'session', session, slot: 'primary', fps, at, video, audio };
  }

  end(at: number, clean: boolean): IngestEntry {
    return { t: 'end', session: this.#name, clean, at };
  }

  /** Frames up to a time. Of tracks that are lost nothing came, and their places stay empty. */
  upTo(at: number, lost: 'nothing' | 'all' | 'pictures' | 'sound' = 'nothing'): IngestEntry[] {
    const grid = gridOf(this.#fps);
    const entries: IngestEntry[] = [];
    const a = this.#soundUpTo(at - (this.#behind.sound ?? 0));
    if (a.length > 0 && lost !== 'all' && lost !== 'sound') {
      entries.push({ t: 'frames', session: this.#name, v: [], a });
    }
    const end = placeOfTime(grid, milliseconds(at - (this.#behind.pictures ?? 0)));
    const stride = this.#hasFields ? 2 : 1;
    const step = this.#reorder ? 2 * stride : stride;
    while (this.#index + step <= end) {
      const isKey = this.#sinceKey % this.#keyframeEvery === 0;
      if (lost === 'all' || lost === 'pictures') {
        this.#index += step;
      } else {
        const places =
          isKey || !this.#reorder ? [this.#index] : [this.#index + stride, this.#index];
        this.#index += this.#shake() < 0.05 ? 0 : places.length * stride;
        const v = places.map((place): VideoRow => {
          const index = frameIndex(place);
          const start = isKey ? FRAME_FLAGS.start | FRAME_FLAGS.idr : 0;
          const flags = start | (this.#hasFields ? FRAME_FLAGS.fields : 0);
          return { seq: this.#next(), index, chunk: segmentOfFrame(grid, index), bytes: 9, flags };
        });
        this.#sinceKey += 1;
        entries.push({ t: 'frames', session: this.#name, v, a: [] });
      }
    }
    return entries;
  }

  #next(): number {
    this.#seq += 1;
    return this.#seq - 1;
  }

  #soundUpTo(at: number): SoundRow[] {
    const frames: SoundRow[] = [];
    const place = (k: number): number => this.#origin + (1024 * k * SAMPLE_RATE) / this.#rate;
    while (this.#rate > 0 && place(this.#k + 1) <= (at * SAMPLE_RATE) / 1000) {
      frames.push({
        seq: this.#next(),
        origin: this.#origin,
        k: this.#k,
        rate: this.#rate,
        channels: 2,
        chunk: segmentNumber(Math.floor(place(this.#k) / gridOf(this.#fps).segmentSamples)),
        bytes: 9,
      });
      this.#k += 1;
    }
    return frames;
  }
}

/** A log in the making, with its fold beside it. */
export class SimulatedLog {
  readonly entries: LogEntry[] = [];
  readonly state: ChannelState = emptyChannel();

  append(...entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      this.entries.push(entry);
      fold(this.state, entry);
    }
  }

  /**
   * Lets the leader decide until nothing is due, as it does: first what the log alone makes due, then what is due by the
   * clock. `race` slips into the log between a decision and its marks.
   */
  lead(now: number, settings: DecideSettings = SETTINGS, race: readonly LogEntry[] = []): void {
    const waiting = [...race];
    for (;;) {
      const due = nextDue(this.state, settings);
      const at = due === WHATEVER_THE_TIME ? due : milliseconds(now);
      const marks = decide(this.state, at, settings);
      if (marks.length === 0) {
        this.append(...waiting);
        return;
      }
      const first = waiting.shift();
      this.append(...(first === undefined ? [] : [first]), ...marks);
    }
  }
}

/** A channel's life from a seed; ends off air. */
export function simulateLife(
  random: () => number,
  steps: number,
  settings: DecideSettings = SETTINGS,
  options: { readonly hasFields?: boolean; readonly shake?: () => number } = {},
): SimulatedLog {
  const log = new SimulatedLog();
  const pick = <T>(...values: readonly T[]): T =>
    values[Math.floor(random() * values.length)] ?? (values[0] as T);
  const fps = pick<FpsName>('25', '30', '30000/1001', '60');
  let now = EPOCH + random() * 10_000;
  let session: SimulatedSession | undefined;
  let sessions = 0;
  for (let step = 0; step < steps; step += 1) {
    const chance = random();
    if (session === undefined) {
      now += pick(20, 500, 3_000, 9_000, 30_000) * random();
      log.lead(now, settings);
      sessions += 1;
      session = new SimulatedSession(`s${sessions}`, {
        fps,
        at: now,
        keyframeEvery: pick(1, 30, 60, 250),
        rate: pick(0, 44_100, 48_000, 48_000),
        reorder: random() < 0.5,
        behind: pick({}, {}, { pictures: 2_400 }, { sound: 1_700 }),
        ...options,
      });
      log.append(session.begin(now));
    } else if (chance < 0.06) {
      log.append(session.end(now, random() < 0.4));
      session = undefined;
    } else if (chance < 0.09) {
      // Its process died: nobody tells the log.
      session = undefined;
    } else if (chance < 0.15) {
      now += 7_000 * random();
      session.upTo(now, 'all');
    } else if (chance < 0.18) {
      // Only one track comes for a while: a camera or a microphone is unplugged, or congestion costs the pictures.
      const lost = pick('pictures' as const, 'pictures' as const, 'sound' as const);
      for (const until = now + 15_000 * random(); now < until; now += 200) {
        log.append(...session.upTo(now, lost));
        log.lead(now, settings);
      }
    } else if (chance < 0.25) {
      // The network stalls and what was sent comes in a burst.
      const until = now + 6_000 * random();
      for (; now < until; now += 200) {
        log.lead(now, settings);
      }
      log.append(...session.upTo(now));
    } else if (chance < 0.27) {
      // The leader is away while the feed goes on.
      now += 15_000 * random();
      log.append(...session.upTo(now));
    } else {
      now += 700 * random();
      const entries = session.upTo(now);
      const racing = random() < 0.2 ? entries.splice(-2) : [];
      log.append(...entries);
      log.lead(now, settings, racing);
    }
    log.lead(now, settings);
  }
  if (session !== undefined) {
    log.append(session.end(now, true));
  }
  for (const end = now + 20_000; now < end; now += 500) {
    log.lead(now, settings);
  }
  return log;
}
