/** The directory of edges: who is alive, nearest first. */
import { z } from 'zod';
import { serviceRecordSchema, type ServiceRecord } from '../common/contracts/status.ts';

/** A service not heard of for this long is gone. */
const FRESH_MS = 10_000;
/** How long a client may rely on an answer. */
const VALID_MS = 30_000;

const edgeDetailSchema = z.looseObject({
  edge: z.string(),
  url: z.url({ protocol: /^https?$/ }),
});

/** One edge for clients. */
export interface EdgeAddress {
  readonly id: string;
  readonly url: string;
}

/** Answer of `GET /v1/edges/nearest`. */
export interface Directory {
  readonly edges: readonly EdgeAddress[];
  /** ISO 8601, UTC. */
  readonly expiresAt: string;
}

/** Reads the values of the `services` hash; what is not a valid record is not a service. */
export function readServices(values: readonly string[]): ServiceRecord[] {
  return values.flatMap((value) => {
    const record = serviceRecordSchema.safeParse(parseJson(value));
    return record.success ? [record.data] : [];
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** How many leading labels (country, city) two edge ids share: 0, 1 or 2. */
function nearness(a: string, b: string): number {
  const [countryA, cityA] = a.split('.');
  const [countryB, cityB] = b.split('.');
  if (countryA !== countryB) {
    return 0;
  }
  return cityA === cityB ? 2 : 1;
}

/**
 * Ready and fresh edges as seen from one of them: itself, its city, its country, the rest; by id among equals.
 * @param now wall clock, milliseconds
 */
export function nearestEdges(
  services: readonly ServiceRecord[],
  from: string,
  now: number,
): Directory {
  const edges = services.flatMap((record): EdgeAddress[] => {
    const isAlive = record.service === 'edge' && record.ready && now - record.at < FRESH_MS;
    const detail = isAlive ? edgeDetailSchema.safeParse(record.detail) : undefined;
    return detail?.success ? [{ id: detail.data.edge, url: detail.data.url }] : [];
  });
  const rank = (edge: EdgeAddress): number => (edge.id === from ? 3 : nearness(edge.id, from));
  return {
    edges: edges.toSorted((a, b) => rank(b) - rank(a) || (a.id < b.id ? -1 : 1)),
    expiresAt: new Date(now + VALID_MS).toISOString(),
  };
}
