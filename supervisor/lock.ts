/**
 * One supervisor a `DATA_DIR`. The lock names its holder and the holder's children: whoever takes over from a killed
 * supervisor first waits for those children, because two redis-servers in one folder would ruin its data.
 */
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { PipelineError, systemCodeOf } from '#common/errors';
import type { Closable } from '#common/lifecycle';
import { identify, isRunning, type ProcessIdentity } from '#common/process-identity';

const POLL_MS = 50;
const PATIENCE_MS = 10_000;

const identitySchema = z.object({ pid: z.int().positive(), started: z.string() });
const lockSchema = identitySchema.extend({ children: z.array(identitySchema) });
type LockContent = z.infer<typeof lockSchema>;

/** A held lock. */
export interface Lock extends Closable {
  /** Whether the last holder went without giving it back. */
  readonly isTakenOver: boolean;
  /** Notes the leader of a process group that must be gone before another supervisor starts here. */
  readonly addChild: (pid: number) => void;
  readonly removeChild: (pid: number) => void;
}

/**
 * Takes the lock of a folder.
 * @throws PipelineError `CONFLICT` while another supervisor holds it
 */
export async function takeLock(folder: string): Promise<Lock> {
  const path = join(folder, 'lock');
  const self = identify(process.pid) ?? { pid: process.pid, started: '' };
  let isTakenOver = false;
  while (!create(path, { ...self, children: [] })) {
    const held = read(path);
    if (held !== undefined && isRunning(held)) {
      throw new PipelineError(
        'CONFLICT',
        `another instance (process ${held.pid}) runs in ${folder}: stop it, or set DATA_DIR to another folder`,
      );
    }
    isTakenOver = true;
    removeStale(path, held);
    await waitForEnd(held?.children ?? []);
  }
  return hold(path, self, isTakenOver);
}

function hold(path: string, self: ProcessIdentity, isTakenOver: boolean): Lock {
  const children = new Map<number, ProcessIdentity>();
  const save = (): void => {
    const draft = `${path}.${self.pid}`;
    try {
      write(draft, { ...self, children: [...children.values()] });
      renameSync(draft, path);
    } catch {
      // On a full disk the lock stays as it was: it still names its holder, and children end with their holder.
    }
  };
  return {
    isTakenOver,
    addChild: (pid) => {
      const identity = identify(pid);
      if (identity !== undefined) {
        children.set(pid, identity);
        save();
      }
    },
    removeChild: (pid) => {
      if (children.delete(pid)) {
        save();
      }
    },
    close: () => {
      rmSync(path, { force: true });
      return Promise.resolve();
    },
  };
}

function write(path: string, content: LockContent): void {
  writeFileSync(path, JSON.stringify(content), { mode: 0o600 });
}

/** Creates the lock whole or not at all: a link never shows a half-written file. */
function create(path: string, content: LockContent): boolean {
  const draft = `${path}.${content.pid}`;
  write(draft, content);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') {
      return false;
    }
    throw error;
  } finally {
    unlinkSync(draft);
  }
}

function read(path: string): LockContent | undefined {
  try {
    return lockSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Moves the stale lock away; if somebody else took it over in between, what was moved is theirs and goes back. */
function removeStale(path: string, stale: LockContent | undefined): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    const moved = read(aside);
    if (moved !== undefined && moved.pid !== stale?.pid) {
      linkSync(aside, path);
    }
  } catch (error) {
    const code = systemCodeOf(error);
    if (code !== 'ENOENT' && code !== 'EEXIST') {
      throw error;
    }
  }
  rmSync(aside, { force: true });
}

/** Waits until a killed supervisor's children are gone; those that stay are killed with their process groups. */
async function waitForEnd(children: readonly ProcessIdentity[]): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (children.some(isRunning) && performance.now() < deadline) {
    await delay(POLL_MS);
  }
  for (const child of children.filter(isRunning)) {
    process.kill(-child.pid, 'SIGKILL');
  }
}
