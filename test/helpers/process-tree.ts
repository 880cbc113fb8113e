/** A process and all its descendants, read from /proc (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

/** One process; `started` tells it from a later one with the same id. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly started: number;
  /** Clock ticks of CPU: its own, and those of children that ended and were waited for. */
  readonly ticks: number;
}

/** Clock ticks a second: USER_HZ, 100 on every Linux that runs Node. */
export const TICKS_PER_SECOND = 100;

/** Reads one process, proc(5); undefined when it is gone. */
export function readProcess(pid: number): ProcessEntry | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const close = stat.lastIndexOf(')');
    const fields = stat
      .slice(close + 2)
      .split(' ')
      .map(Number);
    const isZombie = stat.charAt(close + 2) === 'Z';
    const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + (fields[field] ?? 0), 0);
    return isZombie
      ? undefined
      : {
          pid,
          parent: fields[1] ?? 0,
          name: stat.slice(stat.indexOf('(') + 1, close),
          started: fields[19] ?? 0,
          ticks,
        };
  } catch {
    return undefined;
  }
}

/** The process with this id and everything under it, itself first. */
export function processTree(root: number): ProcessEntry[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
  const found = all.filter((entry) => entry.pid === root);
  for (const entry of found) {
    found.push(...all.filter((other) => other.parent === entry.pid));
  }
  return found;
}

/** Those that still run. */
export const survivors = (entries: readonly ProcessEntry[]): ProcessEntry[] =>
  entries.filter((entry) => readProcess(entry.pid)?.started === entry.started);

/** Clock ticks of CPU that this process's children spent which ended and were waited for. */
export function childTicks(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return (fields[13] ?? 0) + (fields[14] ?? 0);
}
