/** Memory and file descriptors of every process of a tree, read from /proc (Linux). */
import { readdirSync, readFileSync } from 'node:fs';
import { processTree } from '../helpers/process-tree.ts';

/** One process at one moment. */
export interface ProcessReading {
  readonly pid: number;
  readonly name: string;
  readonly rssBytes: number;
  readonly fds: number;
}

/** Every Linux that runs Node on amd64 and most on arm64. */
const PAGE_BYTES = 4096;
/** What the shells are called that end Redis with its supervisor. */
const GUARDIAN = 'touchline-guardian';

/** Reads every process of a tree; those that end meanwhile are left out. */
export function readProcesses(root: number): ProcessReading[] {
  return processTree(root).flatMap(({ pid, name }) => {
    try {
      const pages = Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
      const fds = readdirSync(`/proc/${pid}/fd`).length;
      const isGuardian = readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(GUARDIAN);
      return [{ pid, name: isGuardian ? 'guardian' : name, rssBytes: pages * PAGE_BYTES, fds }];
    } catch {
      return [];
    }
  });
}

/**
 * A variable of a running service's environment: the private Redis has a password that only its services know.
 * @throws Error when it has none
 */
export function environmentOf(root: number, service: string, variable: string): string {
  const found = processTree(root).find(({ name }) => name === service);
  const entries =
    found === undefined ? [] : readFileSync(`/proc/${found.pid}/environ`, 'utf8').split('\0');
  const entry = entries.find((text) => text.startsWith(`${variable}=`));
  if (entry === undefined) {
    throw new Error(`${service} has no ${variable}`);
  }
  return entry.slice(variable.length + 1);
}
