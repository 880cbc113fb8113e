/** What is wrong with a feed and what to change at its encoder, as warnings with codes. Pure. */
import type { Warning } from '#common/contracts/status';
import type { Grid } from '#common/grid';

/** A keyframe interval above this is worth a warning, seconds. */
const LONG_INTERVAL = 4;
/** Pictures further than this from their keyframe are not shown, seconds. */
const LONGEST_SEARCH = 20;
/** Below this share of frames in step with a grid of the source's own rate, the source's rate varies. */
const STEADY = 0.9;
/** Relative difference of two rates that are the same: 29.97 and 30 are not. */
const SAME_RATE = 0.0005;
/** How long what happened is told, milliseconds. */
const TOLD = 60_000;
/** Breaks of the sound within {@link TOLD} that no gap explains. */
const MANY_BREAKS = 5;

/** How often things have happened since the feed began. */
export interface FeedCounts {
  /** The source's clock was mapped anew. */
  readonly steps: number;
  /** Sound went on elsewhere than where its frames before end. */
  readonly soundBreaks: number;
  /** Composition times too far off to be believed. */
  readonly oddCompositionTimes: number;
  /** Keyframes whose parameter sets are not there. */
  readonly undecodable: number;
}

/** What is known of a feed that has been mapped to the grid. */
export interface FeedFacts extends FeedCounts {
  readonly grid: Grid;
  /** Frames a second of the source when it began, by its timestamps. */
  readonly sourceFps: number | undefined;
  /** Share of frames that follow the grid one by one. */
  readonly inStep: number;
  /** Its pictures are two fields each. */
  readonly isInterlaced: boolean;
  /** Declared rate of the sound. */
  readonly soundRate: number | undefined;
}

const NONE_YET: FeedCounts = { steps: 0, soundBreaks: 0, oddCompositionTimes: 0, undecodable: 0 };

/**
 * The warning about keyframes that are too far apart, if they are.
 * @param measured seconds between the last two
 * @param open seconds since the last one, or since the first picture
 */
export function keyframeWarnings(measured: number, open: number): Warning[] {
  const advice = "set the encoder's keyframe interval to 2 s";
  const interval = Math.max(measured, open);
  if (interval > LONGEST_SEARCH) {
    const message = `no keyframe for ${interval.toFixed(1)} s: pictures more than ${LONGEST_SEARCH} s after one cannot be shown, viewers see the slate; ${advice}`;
    return [{ code: 'KEYFRAME_TOO_FAR', message }];
  }
  if (interval > LONG_INTERVAL) {
    const found =
      open > measured
        ? `no keyframe for ${open.toFixed(1)} s`
        : `keyframes are ${measured.toFixed(1)} s apart`;
    return [{ code: 'KEYFRAME_INTERVAL_LONG', message: `${found}: ${advice}` }];
  }
  return [];
}

/** See the head of this file. */
export class FeedWarnings {
  /** Counts as they were, the oldest at the beginning of what is told. */
  readonly #history: { readonly at: number; readonly counts: FeedCounts }[] = [];

  /** The warnings at `now`. */
  read(now: number, facts: FeedFacts): Warning[] {
    const { steps, soundBreaks, oddCompositionTimes, undecodable } = facts;
    if (this.#history.length === 0) {
      this.#history.push({ at: now, counts: NONE_YET });
    }
    this.#history.push({
      at: now,
      counts: { steps, soundBreaks, oddCompositionTimes, undecodable },
    });
    while ((this.#history[1]?.at ?? now) <= now - TOLD) {
      this.#history.shift();
    }
    const before = this.#history[0]?.counts ?? NONE_YET;
    return [
      ...rateWarnings(facts),
      ...timestampWarnings(facts, before),
      ...pictureWarnings(facts, before),
    ];
  }
}

/** Whether each picture of a source is shown equally often on a grid. */
function isEven(fps: number, { num, den }: Grid): boolean {
  const times = Math.max(1, Math.round(num / den / fps));
  return Math.abs((fps * times * den) / num - 1) <= SAME_RATE;
}

function rateWarnings({ sourceFps, grid, inStep }: FeedFacts): Warning[] {
  if (sourceFps !== undefined && !isEven(sourceFps, grid)) {
    const message = `the feed has ${sourceFps.toFixed(3)} frames a second and is converted to the channel's ${grid.name}`;
    return [{ code: 'FRAME_RATE_CONVERTED', message }];
  }
  if (inStep < STEADY) {
    const message = `the feed's frames do not follow ${grid.name} frames a second: some are repeated or left out`;
    return [{ code: 'FRAME_RATE_VARIABLE', message }];
  }
  return [];
}

function timestampWarnings(facts: FeedFacts, before: FeedCounts): Warning[] {
  const warnings: Warning[] = [];
  const steps = facts.steps - before.steps;
  if (steps > 0) {
    const message = `the feed's timestamps jumped or stood still ${steps} times in the last minute: pictures were repeated or left out; restart the encoder if it goes on`;
    warnings.push({ code: 'TIMESTAMPS_JUMP', message });
  }
  if (facts.soundBreaks - before.soundBreaks >= MANY_BREAKS) {
    const rate = facts.soundRate === undefined ? 'its sample rate' : `${facts.soundRate} Hz`;
    const message = `the sound's timestamps do not fit ${rate}: parts of it are silent or left out; check the encoder's sample rate (48000 Hz)`;
    warnings.push({ code: 'SOUND_TIMESTAMPS', message });
  }
  if (facts.oddCompositionTimes > before.oddCompositionTimes) {
    const message =
      'composition times of more than 3 s are not believed: pictures are shown when they are decoded; restart the encoder';
    warnings.push({ code: 'COMPOSITION_TIMES', message });
  }
  return warnings;
}

function interlacedMessage({ grid, sourceFps }: FeedFacts): string {
  const perSource = sourceFps === undefined ? 2 : grid.num / grid.den / sourceFps;
  return perSource < 1.5
    ? `the feed is interlaced and the channel has ${grid.name} frames a second, so that every second field is not shown: set the channel to twice as many, or the encoder to progressive`
    : `the feed is interlaced: its fields are made into ${grid.name} frames a second; a progressive feed looks better`;
}

function pictureWarnings(facts: FeedFacts, before: FeedCounts): Warning[] {
  const warnings: Warning[] = [];
  if (facts.undecodable > before.undecodable) {
    const message =
      'keyframes came whose parameter sets (SPS, PPS) are missing: pictures after them may be damaged; restart the encoder';
    warnings.push({ code: 'PARAMETER_SETS_MISSING', message });
  }
  if (facts.isInterlaced) {
    warnings.push({ code: 'INTERLACED', message: interlacedMessage(facts) });
  }
  return warnings;
}
