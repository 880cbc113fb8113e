/** A log line for people: from pino's JSON to one short line, for warnings and worse. */
import { z } from 'zod';
import { parseJson } from '#common/json';

const WARN = 40;
const LEVELS: readonly (readonly [number, string])[] = [
  [60, 'FATAL'],
  [50, 'ERROR'],
  [40, 'WARN'],
];
const LONGEST = 400;

const lineSchema = z.looseObject({
  level: z.number(),
  time: z.union([z.string(), z.number()]),
  msg: z.string().optional(),
});
const FRAME_FIELDS = new Set(['level', 'time', 'msg', 'service', 'pid', 'hostname']);

/** The one line of a crash's stack that tells what happened. */
const CRASH = /^(Uncaught )?\w*Error\b.*:/;

/**
 * The short form of a line, or undefined if it is below a warning. Of lines that are not pino's, only a crash's error
 * is shown; the file has the rest.
 */
export function shortForm(name: string, line: string): string | undefined {
  const parsed = lineSchema.safeParse(parseJson(line));
  if (!parsed.success) {
    return CRASH.test(line) ? `${name}: ${line}`.slice(0, LONGEST) : undefined;
  }
  const { level, time, msg = '' } = parsed.data;
  if (level < WARN) {
    return undefined;
  }
  const label = LEVELS.find(([from]) => level >= from)?.[1] ?? 'WARN';
  const fields = Object.entries(parsed.data)
    .filter(([key]) => !FRAME_FIELDS.has(key))
    .map(([key, value]) => `${key}=${shortValue(value)}`);
  const clock = new Date(time).toISOString().slice(11, 19);
  return [clock, label.padEnd(5), `${name}: ${msg}`, ...fields].join(' ').slice(0, LONGEST);
}

function shortValue(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'message' in value) {
    return JSON.stringify(value.message);
  }
  return JSON.stringify(value);
}
