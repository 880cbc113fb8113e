/** `DATA_DIR`, made and tried before anything starts, so that a folder that cannot be written is one clear line. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError, systemCodeOf } from '#common/errors';

/** Enough that a disk with only its last blocks free is found out. */
const TRIAL_BYTES = 256 * 1024;

/**
 * Makes the folder where it is missing, for its owner alone, and writes to it once.
 * @throws PipelineError `BAD_CONFIG` that says what keeps it from being written
 */
export function prepareDataFolder(folder: string): void {
  const trial = join(folder, `trial.${process.pid}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    chmodSync(folder, 0o700);
    writeFileSync(trial, Buffer.alloc(TRIAL_BYTES), { mode: 0o600 });
  } catch (error) {
    const message = `DATA_DIR is ${folder}: ${reasonOf(systemCodeOf(error))}`;
    throw new PipelineError('BAD_CONFIG', message, { cause: error });
  } finally {
    removeQuietly(trial);
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // What could not be written need not be removed.
  }
}

function reasonOf(code: string): string {
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'no permission to write there; set DATA_DIR to a folder of your own, or give it to this user (chown)';
    case 'EROFS':
      return 'that file system is read-only; set DATA_DIR to a folder that can be written';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'that is a file, or lies below one; set DATA_DIR to a folder';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'that disk is full; free space there, or set DATA_DIR to a folder on another disk';
    default:
      return `it cannot be written (${code}); set DATA_DIR to another folder`;
  }
}
