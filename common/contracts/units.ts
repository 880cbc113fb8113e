/** Units as they come over a border: plain numbers on the wire, branded once they are parsed. */
import { z } from 'zod';
import type { FrameIndex, Milliseconds, SamplePosition, SegmentNumber } from '../time.ts';

/** A brand is a type and nothing else: the schema that checks the number stays as it is, for JSON Schema too. */
const branded = <Unit extends number>(schema: z.ZodType<number, number>): z.ZodType<Unit, number> =>
  schema as z.ZodType<Unit, number>;

/** Whole frames of a channel's grid since the Unix epoch. */
export const frameIndexSchema = branded<FrameIndex>(z.int().min(0));
/** 48 kHz samples since the Unix epoch. */
export const samplePositionSchema = branded<SamplePosition>(z.int().min(0));
/** Whole segments of a channel's grid since the Unix epoch. */
export const segmentNumberSchema = branded<SegmentNumber>(z.int().min(0));
/** Milliseconds, not below zero. */
export const millisecondsSchema = branded<Milliseconds>(z.number().min(0));
/** Wall-clock time on our own clock, milliseconds since the Unix epoch. */
export const wallClockSchema = branded<Milliseconds>(z.number());
