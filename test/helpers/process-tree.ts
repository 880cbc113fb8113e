/** A process and all its descendants, read from /proc (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

/** One process; `started` tells it from a later one with the same id. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly started: number;
  /** Clock ticks of CPU: its own. */
  readonly ownTicks: number;
  /** Those of children that ended and were waited for. */
  readonly childTicks: number;
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
    return isZombie
      ? undefined
      : {
          pid,
          parent: fields[1] ?? 0,
          name: nameOf(pid, stat.slice(stat.indexOf('(') + 1, close)),
          started: fields[19] ?? 0,
          ownTicks: (fields[11] ?? 0) + (fields[12] ?? 0),
          childTicks: (fields[13] ?? 0) + (fields[14] ?? 0),
        };
  } catch {
    return undefined;
  }
}

/** The service whose program a process runs, or the program's own name. */
function nameOf(pid: number, command: string): string {
  const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  return /\/([a-z]+)\/main\.js/.exec(words)?.[1] ?? command;
}

/** Clock ticks of CPU by name; what a service's ended children used stands beside it as `name's programs`. */
export function ticksByName(entries: readonly ProcessEntry[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { name, ownTicks, childTicks } of entries) {
    sums.set(name, (sums.get(name) ?? 0) + ownTicks);
    sums.set(`${name}'s programs`, (sums.get(`${name}'s programs`) ?? 0) + childTicks);
  }
  return sums;
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

/** Words of a process's command line, as proc(5) has them; empty when it is gone. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Clock ticks of CPU that this process's children spent which ended and were waited for. */
export const childTicks = (): number => readProcess(process.pid)?.childTicks ?? 0;
