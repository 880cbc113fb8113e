/** A child that runs as long as we do: started again with backoff, stopped by TERM, then KILL. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Closable } from '#common/lifecycle';
import type { Logger } from '#common/logger';
import { createBackoff } from './backoff.ts';
import { eachLine } from './lines.ts';

const GRACE_MS = 8_000;

/** What a child is and what it needs. */
export interface ChildPlan {
  readonly name: string;
  /** Starts the process as the leader of its own process group. */
  readonly launch: () => ChildProcess;
  /**
   * Milliseconds until it is started again when it has ended after a healthy time and another of its group runs; by default, and where none
   * does, hardly any.
   */
  readonly restMs?: number | undefined;
}

interface Child extends Closable {
  /** Whether there is a process just now. */
  readonly isRunning: () => boolean;
}

/** What the supervisor does for its children. */
export interface ChildHost {
  readonly logger: Logger;
  readonly onLine: (child: string, line: string) => void;
  readonly onStart: (pid: number) => void;
  readonly onEnd: (pid: number) => void;
}

/** Starts a child and keeps it running until it is closed. */
export const superviseChild = (plan: ChildPlan, host: ChildHost): Closable =>
  supervise(plan, host, () => false);

/** Likewise children that can do each other's work. */
export function superviseGroup(plans: readonly ChildPlan[], host: ChildHost): Closable {
  const children: Child[] = [];
  const doesAnyRun = (): boolean => children.some((child) => child.isRunning());
  for (const plan of plans) {
    children.push(supervise(plan, host, doesAnyRun));
  }
  return {
    close: async () => {
      await Promise.all(children.map((child) => child.close()));
    },
  };
}

function supervise(plan: ChildPlan, host: ChildHost, doesAnyRun: () => boolean): Child {
  const backoff = createBackoff();
  const logger = host.logger.child({ child: plan.name });
  let current: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let isClosing = false;

  const start = (): void => {
    const startedAt = performance.now();
    const child = plan.launch();
    current = child;
    isRunning = true;
    const { pid } = child;
    if (pid !== undefined) {
      host.onStart(pid);
    }
    for (const stream of [child.stdout, child.stderr]) {
      eachLine(stream, (line) => {
        host.onLine(plan.name, line);
      });
    }
    // An unanswered error event would end the supervisor; `ended` follows it or the exit, whichever comes.
    let hasEnded = false;
    const ended = (how: string): void => {
      if (hasEnded) {
        return;
      }
      hasEnded = true;
      isRunning = false;
      if (pid !== undefined) {
        killGroup(pid);
        host.onEnd(pid);
      }
      if (!isClosing) {
        const delayMs = backoff.delayAfter(
          performance.now() - startedAt,
          doesAnyRun() ? plan.restMs : undefined,
        );
        logger.warn({ how, delayMs }, 'child ended, starts again');
        timer = setTimeout(start, delayMs);
      }
    };
    child.on('error', (error) => {
      if (pid === undefined) {
        ended(error.message);
      }
    });
    child.on('exit', (code, signal) => {
      ended(signal === null ? `exit code ${String(code)}` : `signal ${signal}`);
    });
  };

  start();
  return {
    isRunning: () => isRunning,
    close: async () => {
      isClosing = true;
      clearTimeout(timer);
      if (current !== undefined) {
        await stop(current, logger);
      }
    },
  };
}

/** Ends a child: TERM, grace, then KILL for its whole process group. */
async function stop(child: ChildProcess, logger: Logger): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => {
    logger.warn({ graceMs: GRACE_MS }, 'child did not end in time, is killed');
    killGroup(pid);
  }, GRACE_MS);
  await exited;
  clearTimeout(timer);
  logger.info({ code: child.exitCode, signal: child.signalCode }, 'child stopped');
}

/** Kills what is left of a process group: a crashed worker's ffmpeg, for one. */
export function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nobody was left.
  }
}
