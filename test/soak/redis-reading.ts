/** What a Redis holds: memory, and its keys by kind. */
import type { Redis } from '#common/redis';
import type { KeyFamily } from './bounds.ts';

/** A kind of key as it was found. */
export interface FamilyReading {
  readonly keys: number;
  /** Entries of the largest. */
  readonly length: number;
}

/** Keys by kind; those of no known kind by name. */
export interface KeyReading {
  readonly families: ReadonlyMap<string, FamilyReading>;
  readonly unknown: readonly string[];
}

const SCAN_COUNT = 1_000;

/** Figures of `INFO`, by field name. */
export async function readInfo(
  redis: Redis,
  section: string,
): Promise<ReadonlyMap<string, number>> {
  const text = await redis.info(section);
  return new Map(
    text.split('\r\n').flatMap((line): [string, number][] => {
      const [name = '', value = ''] = line.split(':');
      return value === '' || Number.isNaN(Number(value)) ? [] : [[name, Number(value)]];
    }),
  );
}

async function lengthOf(redis: Redis, key: string): Promise<number> {
  switch (await redis.type(key)) {
    case 'stream':
      return redis.xlen(key);
    case 'hash':
      return redis.hlen(key);
    case 'list':
      return redis.llen(key);
    case 'set':
      return redis.scard(key);
    case 'zset':
      return redis.zcard(key);
    default:
      return 0;
  }
}

/** Reads every key there is. */
export async function readKeys(redis: Redis, families: readonly KeyFamily[]): Promise<KeyReading> {
  const names = new Set<string>();
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'COUNT', SCAN_COUNT);
    keys.forEach((key) => names.add(key));
    cursor = next;
  } while (cursor !== '0');
  const found = new Map<string, FamilyReading>();
  const unknown: string[] = [];
  for (const key of names) {
    const family = families.find(({ pattern }) => pattern.test(key));
    if (family === undefined) {
      unknown.push(key);
      continue;
    }
    const length = family.length === undefined ? 0 : await lengthOf(redis, key);
    const known = found.get(family.name) ?? { keys: 0, length: 0 };
    found.set(family.name, { keys: known.keys + 1, length: Math.max(known.length, length) });
  }
  return { families: found, unknown };
}
