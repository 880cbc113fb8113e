/** How much room the disk under a folder has left. */
import { statfs } from 'node:fs/promises';

/** Below the first the disk counts as full, below the second as low; bytes. */
export const DISK_LIMITS = { full: 16 * 1024 ** 2, low: 1024 ** 3 } as const;

/** How full a disk is. */
export type DiskState = 'ok' | 'low' | 'full';

/** The state that so many free bytes mean. */
export function diskStateOf(freeBytes: number): DiskState {
  if (freeBytes < DISK_LIMITS.full) {
    return 'full';
  }
  return freeBytes < DISK_LIMITS.low ? 'low' : 'ok';
}

/** Bytes that an ordinary user may still write in the file system that holds a folder. */
export async function freeBytesIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
