/**
 * Units of time and place as branded numbers, and the only conversions between them.
 *
 * A brand costs nothing at run time; it stops a sample position from being read as a frame index.
 */

declare const unit: unique symbol;
type Branded<Name extends string> = number & { readonly [unit]: Name };

/** Wall-clock or duration in milliseconds. */
export type Milliseconds = Branded<'Milliseconds'>;
/** Whole frames of a channel's grid since the Unix epoch. */
export type FrameIndex = Branded<'FrameIndex'>;
/** Whole segments of a channel's grid since the Unix epoch. */
export type SegmentNumber = Branded<'SegmentNumber'>;
/** 48 kHz samples since the Unix epoch. */
export type SamplePosition = Branded<'SamplePosition'>;
/** AAC frames of 1024 samples at 48 kHz since the Unix epoch. */
export type AacFrameIndex = Branded<'AacFrameIndex'>;

/** Brands a number of milliseconds. */
export const milliseconds = (value: number): Milliseconds => value as Milliseconds;
/** Brands a frame index; it must be a whole number. */
export const frameIndex = (value: number): FrameIndex => value as FrameIndex;
/** Brands a segment number; it must be a whole number. */
export const segmentNumber = (value: number): SegmentNumber => value as SegmentNumber;
/** Brands a sample position; it must be a whole number. */
export const samplePosition = (value: number): SamplePosition => value as SamplePosition;
/** Brands an AAC frame index; it must be a whole number. */
export const aacFrameIndex = (value: number): AacFrameIndex => value as AacFrameIndex;

/** The least of values of one unit, which it keeps; infinite of none. */
export const least = <Unit extends number>(...values: readonly Unit[]): Unit =>
  Math.min(...values) as Unit;
/** The greatest of values of one unit, which it keeps; minus infinity of none. */
export const greatest = <Unit extends number>(...values: readonly Unit[]): Unit =>
  Math.max(...values) as Unit;

/** Seconds to milliseconds. */
export const fromSeconds = (seconds: number): Milliseconds => milliseconds(seconds * 1000);
