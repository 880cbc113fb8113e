/** The processes of a running pipeline that faults are done to, found from outside: by /proc, as an attacker or a bad day would. */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { commandLine, processTree, type ProcessEntry } from '../helpers/process-tree.ts';

/** What can be killed. */
export type VictimName =
  'ingest' | 'control' | 'scheduler' | 'aggregator' | 'edge' | 'transcoder' | 'redis-server';

/** Every process of that name. */
export const victims = (pipeline: Pipeline, name: VictimName): ProcessEntry[] =>
  processTree(pipeline.pid).filter((entry) => entry.name === name);

/** Sends a signal to a process, and to nobody else that may have its id by now. */
export function strike(entry: ProcessEntry, signal: NodeJS.Signals): void {
  process.kill(entry.pid, signal);
}

/** Kills one process of that name: the only one, or the first. */
export async function kill(pipeline: Pipeline, name: VictimName, at = 0): Promise<ProcessEntry> {
  const entry = await eventually(`a ${name} to kill`, () =>
    Promise.resolve(victims(pipeline, name)[at]),
  );
  strike(entry, 'SIGKILL');
  return entry;
}

/**
 * A worker in the middle of a task: one that makes sound. One that stands by has ffmpeg running too, which wait: encoders and a decoder of
 * pictures alone.
 */
export async function busyTranscoder(pipeline: Pipeline): Promise<ProcessEntry> {
  return eventually(
    'a worker in the middle of a task',
    () => {
      const busy = victims(pipeline, 'transcoder').find((worker) =>
        processTree(worker.pid).some(
          ({ pid }) => pid !== worker.pid && /\baac\b/.test(commandLine(pid)),
        ),
      );
      return Promise.resolve(busy);
    },
    { everyMs: 20 },
  );
}

/** Freezes a process for a while. */
export async function freeze(entry: ProcessEntry, ms: number): Promise<void> {
  strike(entry, 'SIGSTOP');
  try {
    await delay(ms);
  } finally {
    strike(entry, 'SIGCONT');
  }
}

/** The URL of the Redis that the pipeline's services use; the supervisor's private one tells nobody else. */
export async function redisUrlOf(pipeline: Pipeline): Promise<string> {
  return eventually('the Redis of the pipeline', () => {
    const pid = victims(pipeline, 'transcoder')[0]?.pid;
    const environment = pid === undefined ? '' : readFileSync(`/proc/${pid}/environ`, 'utf8');
    return Promise.resolve(/(?:^|\0)REDIS_URL=([^\0]+)/.exec(environment)?.[1]);
  });
}
