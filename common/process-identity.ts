/** Telling one process from a later one with the same id. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process id and when that process started, in whatever form this system tells it. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
}

/** The fields of Linux's `/proc/<pid>/stat` (proc(5)) that tell state and start time. */
export function parseProcStat(text: string): { state: string; started: string } | undefined {
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .trim()
    .split(' ');
  const [state] = fields;
  const started = fields[19];
  return state === undefined || started === undefined ? undefined : { state, started };
}

/** Who runs under a process id now; undefined when nobody does, a zombie included. */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = parseProcStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      return stat === undefined || stat.state === 'Z' || stat.state === 'X'
        ? undefined
        : { pid, started: stat.started };
    }
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
    return started.trim() === '' ? undefined : { pid, started: started.trim() };
  } catch {
    return undefined;
  }
}

/** Whether that very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started;
}
