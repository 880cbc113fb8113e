/** What the stamps of an output say: which source frames were shown, repeated and lost, and when. */

/** Findings for one rendition. */
export interface StampReport {
  readonly frames: number;
  /** Output frames without a readable stamp, between the first and the last readable one. */
  readonly unreadable: number;
  /** Output places that show the same source frame as the place before, up to the last new frame. */
  readonly repeated: number;
  /** Source frames between the first and the last shown that were never shown. */
  readonly missing: number;
  /** Places where the stamp goes back. */
  readonly backwards: number;
  readonly firstStamp: number;
  readonly lastStamp: number;
  /**
   * Output time minus source time of new frames, milliseconds: its extent and its middle. Not of the first: it may have been
   * up for a while when the output begins, as long as the source has no other.
   */
  readonly spreadMs: number;
  readonly offsetMs: number;
}

/**
 * @param stamps of each output frame, in order
 * @param times the source's presentation time of each stamp, milliseconds
 * @param frameMs one output frame
 */
export function reportStamps(
  stamps: readonly (number | undefined)[],
  times: readonly number[],
  frameMs: number,
): StampReport {
  const first = stamps.findIndex((stamp) => stamp !== undefined);
  const last = stamps.findLastIndex((stamp, i) => stamp !== undefined && stamp !== stamps[i - 1]);
  let [unreadable, repeated, missing, backwards] = [0, 0, 0, 0];
  let before: number | undefined;
  const offsets: number[] = [];
  for (let place = first; first >= 0 && place <= last; place++) {
    const stamp = stamps[place];
    if (stamp === undefined) {
      unreadable++;
      continue;
    }
    const step = before === undefined ? 1 : stamp - before;
    repeated += step === 0 ? 1 : 0;
    missing += step > 1 ? step - 1 : 0;
    backwards += step < 0 ? 1 : 0;
    const time = times[stamp];
    if (before !== undefined && step !== 0 && time !== undefined) {
      offsets.push(place * frameMs - time);
    }
    before = stamp;
  }
  // Not Math.max(...): an hour has more frames than a call takes arguments.
  const low = offsets.reduce((a, b) => Math.min(a, b), Infinity);
  const high = offsets.reduce((a, b) => Math.max(a, b), -Infinity);
  return {
    frames: stamps.length,
    unreadable,
    repeated,
    missing,
    backwards,
    firstStamp: stamps[first] ?? -1,
    lastStamp: stamps[last] ?? -1,
    spreadMs: offsets.length === 0 ? 0 : high - low,
    offsetMs: offsets.length === 0 ? Number.NaN : (high + low) / 2,
  };
}

/** Places at which a flash begins. */
export function flashOnsets(flashes: readonly boolean[]): number[] {
  return flashes.flatMap((isFlash, i) => (isFlash && flashes[i - 1] === false ? [i] : []));
}
