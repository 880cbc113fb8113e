/** Readings of a soak judged: tables for docs/, and every bound that was broken. Pure. */
import type { Row } from '../helpers/report-table.ts';
import type { DiskBound, KeyFamily } from './bounds.ts';
import type { ProcessReading } from './processes.ts';
import type { KeyReading } from './redis-reading.ts';
import { floorOf, ground, since, slopeOf, type Point } from './slope.ts';

/** What was read at one moment. */
export interface Reading {
  /** Real minutes since the soak began. */
  readonly at: number;
  readonly processes: readonly ProcessReading[];
  /** Node's own figures by process id, bytes. */
  readonly heaps: ReadonlyMap<number, { readonly used: number; readonly external: number }>;
  readonly redisBytes: number;
  readonly keys: KeyReading | undefined;
  readonly disk: ReadonlyMap<string, number>;
  readonly lagMs: number | undefined;
}

/** How to judge. */
export interface Criteria {
  /** Real minutes that do not count. */
  readonly warmUp: number;
  /** Clock seconds in a real one. */
  readonly rate: number;
}

/** A table and what is wrong. */
export interface Judged {
  readonly rows: readonly Row[];
  readonly faults: readonly string[];
}

/** Growth of memory that counts as flat, MB a real minute. */
export const FLAT = 1;
/** Collections happen at least this often, real minutes. */
const WINDOW = 0.5;
const MB = 1e6;

const megabytes = (bytes: number): string => (bytes / MB).toFixed(1);
const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
const inMegabytes = (points: readonly Point[]): Point[] =>
  points.map(({ at, value }) => ({ at, value: value / MB }));

interface Life {
  readonly name: string;
  readonly pid: number;
  readonly rss: Point[];
  readonly fds: Point[];
  readonly heap: Point[];
  readonly external: Point[];
}

function livesOf(readings: readonly Reading[]): Life[] {
  const lives = new Map<number, Life>();
  for (const { at, processes, heaps } of readings) {
    for (const { pid, name, rssBytes, fds } of processes) {
      const life = lives.get(pid) ?? { name, pid, rss: [], fds: [], heap: [], external: [] };
      lives.set(pid, life);
      life.rss.push({ at, value: rssBytes });
      life.fds.push({ at, value: fds });
      const heap = heaps.get(pid);
      if (heap !== undefined) {
        life.heap.push({ at, value: heap.used });
        life.external.push({ at, value: heap.external });
      }
    }
  }
  return [...lives.values()];
}

/** Slope of what remains after collections, MB a minute. */
const growth = (points: readonly Point[], warmUp: number): number =>
  slopeOf(floorOf(inMegabytes(since(points, warmUp)), WINDOW));

/** A row for every process that lived from the warm-up to the end, and one for those that come and go. */
export function judgeProcesses(readings: readonly Reading[], criteria: Criteria): Judged {
  const { warmUp, rate } = criteria;
  const end = readings.at(-1)?.at ?? 0;
  const counted = since(
    readings.map(({ at }) => ({ at, value: 0 })),
    warmUp,
  );
  const lives = livesOf(readings);
  const lasting = lives.filter(
    ({ rss }) => since(rss, warmUp).length === counted.length && rss.at(-1)?.at === end,
  );
  const faults: string[] = [];
  const rows = lasting.map((life): Row => {
    const name = `${life.name} ${lasting.filter((other) => other.name === life.name).indexOf(life) + 1}`;
    const isOnly = lasting.filter((other) => other.name === life.name).length === 1;
    const label = isOnly ? life.name : name;
    const rss = since(life.rss, warmUp);
    const slope = growth(life.rss, warmUp);
    const fds = since(life.fds, warmUp);
    const base = ground(fds);
    const wrong: string[] = [];
    if (slope >= FLAT) {
      wrong.push(`grows by ${slope.toFixed(2)} MB a minute`);
    }
    if (base.late > base.early) {
      wrong.push(`least open descriptors rise from ${base.early} to ${base.late}`);
    }
    faults.push(...wrong.map((text) => `${label}: ${text}`));
    const values = fds.map(({ value }) => value);
    return {
      process: label,
      'RSS after warm-up, end (MB)': `${megabytes(rss[0]?.value ?? 0)}, ${megabytes(rss.at(-1)?.value ?? 0)}`,
      'slope, MB a minute': signed(slope),
      'a clock minute': signed(slope / rate),
      'heap, external (MB a minute)':
        life.heap.length === 0
          ? '–'
          : `${signed(growth(life.heap, warmUp))}, ${signed(growth(life.external, warmUp))}`,
      'descriptors: least, most': `${Math.min(...values)}, ${Math.max(...values)}`,
      verdict: wrong.length === 0 ? 'flat' : wrong.join('; '),
    };
  });
  const passing = lives.filter((life) => !lasting.includes(life));
  return { rows: [...rows, ...passingRows(passing, readings, warmUp)], faults };
}

function passingRows(
  passing: readonly Life[],
  readings: readonly Reading[],
  warmUp: number,
): Row[] {
  const names = [...new Set(passing.map(({ name }) => name))].toSorted();
  return names.flatMap((name): Row[] => {
    const pids = new Set(passing.filter((life) => life.name === name).map(({ pid }) => pid));
    const most = readings
      .filter(({ at }) => at >= warmUp)
      .map(({ processes }) => processes.filter(({ pid }) => pids.has(pid)));
    const at = Math.max(0, ...most.map((processes) => processes.length));
    const all = most.flat();
    return all.length === 0
      ? []
      : [
          {
            process: `${name} (short-lived)`,
            'RSS after warm-up, end (MB)': `largest ${megabytes(Math.max(...all.map(({ rssBytes }) => rssBytes)))}`,
            'slope, MB a minute': '–',
            'a clock minute': '–',
            'heap, external (MB a minute)': '–',
            'descriptors: least, most': `–, ${Math.max(...all.map(({ fds }) => fds))}`,
            verdict: `at most ${at} at once`,
          },
        ];
  });
}

/** Redis: memory, and every kind of key against its bounds. */
export function judgeRedis(
  readings: readonly Reading[],
  criteria: Criteria,
  families: readonly KeyFamily[],
  limit: number,
): Judged {
  const faults: string[] = [];
  const used = readings.map(({ at, redisBytes }) => ({ at, value: redisBytes }));
  const most = Math.max(0, ...used.map(({ value }) => value));
  const slope = growth(used, criteria.warmUp);
  if (most > limit) {
    faults.push(`Redis uses ${megabytes(most)} MB of at most ${megabytes(limit)}`);
  }
  if (slope >= FLAT) {
    faults.push(`Redis grows by ${slope.toFixed(2)} MB a minute`);
  }
  const keys = readings.flatMap((reading) => reading.keys ?? []);
  const unknown = new Set(keys.flatMap((reading) => reading.unknown));
  if (unknown.size > 0) {
    faults.push(`keys of no known kind: ${[...unknown].slice(0, 5).join(', ')}`);
  }
  const rows = families.map((family): Row => {
    const found = keys.flatMap((reading) => reading.families.get(family.name) ?? []);
    const count = Math.max(0, ...found.map((reading) => reading.keys));
    const length = Math.max(0, ...found.map((reading) => reading.length));
    const isOver = count > family.keys || length > (family.length ?? Infinity);
    if (isOver) {
      faults.push(`Redis ${family.name}: ${count} keys, ${length} entries`);
    }
    return {
      what: family.name,
      'keys, most': `${count} of ${family.keys}`,
      'entries of the largest': family.length === undefined ? '–' : `${length} of ${family.length}`,
      bound: family.why,
      verdict: isOver ? 'OVER' : 'within',
    };
  });
  const memory: Row = {
    what: 'used_memory',
    'keys, most': `${megabytes(most)} of ${megabytes(limit)} MB`,
    'entries of the largest': `${signed(slope)} MB a minute`,
    bound: 'the sum of all below',
    verdict: most > limit || slope >= FLAT ? 'OVER' : 'within',
  };
  return { rows: [memory, ...rows], faults };
}

/** Folders against their bounds; a folder that nobody named is a fault. */
export function judgeDisk(readings: readonly Reading[], bounds: readonly DiskBound[]): Judged {
  const most = new Map<string, number>();
  for (const { disk } of readings) {
    for (const [folder, bytes] of disk) {
      most.set(folder, Math.max(bytes, most.get(folder) ?? 0));
    }
  }
  const faults: string[] = [];
  const known = new Set(bounds.map(({ folder }) => folder));
  for (const [folder, bytes] of most) {
    if (!known.has(folder)) {
      faults.push(`disk: nobody bounds ${folder}, ${megabytes(bytes)} MB`);
    }
  }
  const rows = bounds.map(({ folder, bytes, why }): Row => {
    const reached = most.get(folder) ?? 0;
    const isOver = reached > bytes;
    if (isOver) {
      faults.push(`disk: ${folder} has ${megabytes(reached)} MB of at most ${megabytes(bytes)}`);
    }
    return {
      folder,
      most: `${megabytes(reached)} of ${megabytes(bytes)} MB`,
      bound: why,
      verdict: isOver ? 'OVER' : 'within',
    };
  });
  return { rows, faults };
}
