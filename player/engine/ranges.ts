/** Stretches of media in hand (HTML §4.8.11.14 `TimeRanges`). Pure. */

/** As the browser tells them, in order. */
export interface Ranges {
  readonly length: number;
  readonly start: (index: number) => number;
  readonly end: (index: number) => number;
}

/** The stretch that holds a time. */
export function rangeAt(
  ranges: Ranges,
  time: number,
): { readonly start: number; readonly end: number } | undefined {
  for (let index = 0; index < ranges.length; index += 1) {
    if (ranges.start(index) <= time && time < ranges.end(index)) {
      return { start: ranges.start(index), end: ranges.end(index) };
    }
  }
  return undefined;
}

/** Where media begins after a time. */
export function startAfter(ranges: Ranges, time: number): number | undefined {
  for (let index = 0; index < ranges.length; index += 1) {
    if (ranges.start(index) > time) {
      return ranges.start(index);
    }
  }
  return undefined;
}
