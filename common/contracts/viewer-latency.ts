/** Viewers' latency on its way from the edges to operators: a field of an edge's heartbeat. */
import { z } from 'zod';
import { readJson } from '../json.ts';
import { LatencyCounts } from '../latency-counts.ts';

/** Field of the detail of an edge's service record. */
export const VIEWERS_FIELD = 'viewers';
/** Channels that an edge tells of; those with the most viewers. A record is read by everybody each second. */
const MOST_CHANNELS = 16;

const toldSchema = z.record(z.string(), z.string());

/** Latency of a channel's viewers, as the status tells it. */
export const viewersViewSchema = z.strictObject({
  /** Viewers whose players told it in the last seconds. */
  count: z.int().min(0),
  /** Between the moment of a picture and its being shown, milliseconds. */
  p50Ms: z.number(),
  p95Ms: z.number(),
});
/** See {@link viewersViewSchema}. */
export type ViewersView = z.infer<typeof viewersViewSchema>;

/** Writes the field. */
export function viewersField(counts: ReadonlyMap<string, LatencyCounts>): string {
  const largest = [...counts].toSorted(([, a], [, b]) => b.total - a.total).slice(0, MOST_CHANNELS);
  return JSON.stringify(
    Object.fromEntries(largest.map(([channel, told]) => [channel, told.toText()])),
  );
}

/** Reads the fields of several edges, added up; what is damaged counts as not told. */
export function readViewersFields(fields: readonly unknown[]): ReadonlyMap<string, ViewersView> {
  const sums = new Map<string, LatencyCounts>();
  for (const field of fields) {
    for (const [channel, text] of Object.entries(parsed(field))) {
      const counts = LatencyCounts.parse(text);
      const sum = sums.get(channel) ?? new LatencyCounts();
      if (counts !== undefined) {
        sum.merge(counts);
        sums.set(channel, sum);
      }
    }
  }
  return new Map(
    [...sums].flatMap(([channel, sum]) => {
      const [p50Ms, p95Ms] = [sum.percentile(0.5), sum.percentile(0.95)];
      return p50Ms === undefined || p95Ms === undefined
        ? []
        : [[channel, { count: sum.total, p50Ms, p95Ms }] as const];
    }),
  );
}

const parsed = (field: unknown): Readonly<Record<string, string>> =>
  (typeof field === 'string' ? readJson(toldSchema, field) : undefined) ?? {};
