/** Units as they come over a border: numbers on the wire, branded once they are parsed. */
import { z } from 'zod';
import { frameIndex, milliseconds, samplePosition, segmentNumber } from '../time.ts';

/** Whole frames of a channel's grid since the Unix epoch. */
export const frameIndexSchema = z.int().min(0).transform(frameIndex);
/** 48 kHz samples since the Unix epoch. */
export const samplePositionSchema = z.int().min(0).transform(samplePosition);
/** Whole segments of a channel's grid since the Unix epoch. */
export const segmentNumberSchema = z.int().min(0).transform(segmentNumber);
/** Milliseconds, not below zero. */
export const millisecondsSchema = z.number().min(0).transform(milliseconds);
