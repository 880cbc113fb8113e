/** A disk of a test's own that is small enough to be filled: a tmpfs, which only root may mount. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Need } from './needs.ts';

/** See the head of this file. */
export interface SmallDisk {
  readonly folder: string;
  /** Leaves not one block. */
  fill(): void;
  /** Takes away what `fill` wrote. */
  free(): void;
  close(): void;
}

const BLOCK = Buffer.alloc(4096);

/** Whether this machine lets a test mount one. */
function canMount(): boolean {
  try {
    mountSmallDisk(1).close();
    return true;
  } catch {
    return false;
  }
}

/** Mounts one. Throws where that is not permitted. */
export function mountSmallDisk(mebibytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'touchline-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill: () => {
      const fd = openSync(ballast, 'a');
      try {
        for (;;) {
          writeSync(fd, BLOCK);
        }
      } catch {
        closeSync(fd);
      }
    },
    free: () => {
      rmSync(ballast, { force: true });
    },
    close: () => {
      execFileSync('umount', ['-l', folder]);
      rmdirSync(folder);
    },
  };
}

/** The right to mount one. */
export const ROOT_MOUNT: Need = { name: 'root, to mount a small disk', isMet: canMount() };
