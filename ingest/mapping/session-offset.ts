/** The one number that maps a session's timestamps to the wall clock, and so to the grid. */
import { placeOfTime, type Grid } from '#common/grid';
import { milliseconds } from '#common/time';

/** A packet's times, all in milliseconds: decode time as the publisher stamped it, and arrival on our clock. */
export interface Arrived {
  readonly dts: number;
  readonly arrival: number;
}

/** Below this length of the mean vector the frames' phases are spread out, and there is no middle to snap to. */
const CLEAR_PHASE = 0.3;

/**
 * The circular mean of values modulo `period`.
 * @returns undefined if they are spread around the circle
 */
export function circularMean(values: readonly number[], period: number): number | undefined {
  let x = 0;
  let y = 0;
  for (const value of values) {
    const angle = ((value % period) / period) * 2 * Math.PI;
    x += Math.cos(angle);
    y += Math.sin(angle);
  }
  if (values.length === 0 || Math.hypot(x, y) / values.length < CLEAR_PHASE) {
    return undefined;
  }
  return (Math.atan2(y, x) / (2 * Math.PI)) * period;
}

/** A steady run of frames. */
export interface Steady {
  /** Where the first of them lies, by the mean over all. */
  readonly beginning: number;
  /** Places from each frame to the next: 2 for a source at half the grid's rate, or one of fields. */
  readonly stride: number;
}

/**
 * How some frames follow the grid, if they take every place, every second and so on without holes. Unlike the circular
 * mean this bears jitter of more than half a frame.
 * @param positions in frames, in any order
 * @returns undefined if there are holes, or the rate is no whole part of the grid's
 */
export function steadyFrames(positions: readonly number[]): Steady | undefined {
  const sorted = [...positions].sort((a, b) => a - b);
  const first = sorted[0];
  if (first === undefined || sorted.length < 8) {
    return undefined;
  }
  const span = (sorted.at(-1) ?? 0) - first;
  const stride = Math.max(1, Math.round(span / (sorted.length - 1)));
  if (Math.abs(span - (sorted.length - 1) * stride) > 1.5) {
    return undefined;
  }
  const sum = sorted.reduce((total, position, i) => total + (position - first - i * stride), 0);
  return { beginning: first + sum / sorted.length, stride };
}

/**
 * What to add to a session's timestamps to get wall-clock time.
 *
 * The earliest packet decides: one that waited least on its way, so that a burst at the start does not become
 * latency. Then the whole is moved by less than half a frame, so that frames fall on whole numbers of the grid: each in the
 * middle between the borders where rounding would put it into a neighbour's place.
 * @param packets of all tracks, as they arrived
 * @param presentation presentation times of the picture's frames among them
 */
export function sessionOffset(
  grid: Grid,
  packets: readonly Arrived[],
  presentation: readonly number[],
): number {
  let offset = Number.POSITIVE_INFINITY;
  for (const packet of packets) {
    offset = Math.min(offset, packet.arrival - packet.dts);
  }
  return snapToGrid(grid, offset, presentation);
}

/**
 * Moves an offset by less than half a frame, so that pictures fall on whole numbers of the grid.
 * @param presentation presentation times of pictures, by the source's clock
 */
export function snapToGrid(grid: Grid, offset: number, presentation: readonly number[]): number {
  const positions = presentation.map((pts) => placeOfTime(grid, milliseconds(pts + offset)));
  const steady = steadyFrames(positions);
  if (steady !== undefined) {
    const { beginning } = steady;
    return offset - ((beginning - Math.round(beginning)) * grid.den * 1000) / grid.num;
  }
  // A source at a whole multiple of the grid's rate has its frames at as many phases: try the finer circles too.
  for (const period of [1, 1 / 2, 1 / 3, 1 / 4]) {
    const phase = circularMean(positions, period);
    if (phase !== undefined) {
      return offset - (phase * grid.den * 1000) / grid.num;
    }
  }
  return offset;
}
