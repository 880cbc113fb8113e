/** The directory of edges: who is alive, nearest first. Every edge answers it, and so does the control API. */
import { z } from 'zod';
import type { ServiceRecord } from './contracts/status.ts';

/** Two heartbeats missed: a dead edge is gone from the directory in a few seconds. */
const FRESH_MS = 5_000;
/** How long a client may rely on an answer; when its edge fails sooner it goes to the next on the list. */
const VALID_SECONDS = 15 * 60;

const edgeDetailSchema = z.looseObject({
  edge: z.string(),
  url: z.url({ protocol: /^https?$/ }),
});

/** One edge for clients. */
export const edgeAddressSchema = z.strictObject({ id: z.string(), url: z.string() });
/** See {@link edgeAddressSchema}. */
export type EdgeAddress = z.infer<typeof edgeAddressSchema>;

/** Answer of `GET /v1/edges/nearest`. `expiresAt` is ISO 8601, UTC; `validSeconds` is the same for clients whose clock is wrong. */
export const edgeDirectorySchema = z.strictObject({
  edges: z.array(edgeAddressSchema),
  expiresAt: z.string(),
  validSeconds: z.int(),
});
/** See {@link edgeDirectorySchema}. */
export type EdgeDirectory = z.infer<typeof edgeDirectorySchema>;

/** How many leading labels (country, city) two edge ids share: 0, 1 or 2. */
function nearness(a: string, b: string | undefined): number {
  if (b === undefined) {
    return 0;
  }
  const [countryA, cityA] = a.split('.');
  const [countryB, cityB] = b.split('.');
  if (countryA !== countryB) {
    return 0;
  }
  return cityA === cityB ? 2 : 1;
}

/**
 * Ready and fresh edges as seen from one of them: itself, its city, its country, the rest; by id among equals.
 * @param from id of the edge that is asked; undefined: seen from nowhere
 * @param now wall clock, milliseconds
 */
export function nearestEdges(
  services: readonly ServiceRecord[],
  from: string | undefined,
  now: number,
): EdgeDirectory {
  const edges = services.flatMap((record): EdgeAddress[] => {
    const isAlive = record.service === 'edge' && record.ready && now - record.at < FRESH_MS;
    const detail = isAlive ? edgeDetailSchema.safeParse(record.detail) : undefined;
    return detail?.success ? [{ id: detail.data.edge, url: detail.data.url }] : [];
  });
  const rank = (edge: EdgeAddress): number => (edge.id === from ? 3 : nearness(edge.id, from));
  return {
    edges: edges.toSorted((a, b) => rank(b) - rank(a) || (a.id < b.id ? -1 : 1)),
    expiresAt: new Date(now + VALID_SECONDS * 1000).toISOString(),
    validSeconds: VALID_SECONDS,
  };
}
