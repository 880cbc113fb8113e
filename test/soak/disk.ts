/** What lies in a data folder, by what it is. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** Bytes of all files under a folder; files that go meanwhile count nothing. */
export async function bytesUnder(folder: string): Promise<number> {
  let sum = 0;
  try {
    for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
      if (entry.isFile()) {
        sum += await stat(path.join(entry.parentPath, entry.name)).then(
          ({ size }) => size,
          () => 0,
        );
      }
    }
  } catch {
    // It is not there yet, or no more.
  }
  return sum;
}

/** Bytes by the folder's direct entries; plain files together are `files`. */
export async function bytesByFolder(
  folder: string,
  skipped: readonly string[] = [],
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    const name = entry.isDirectory() ? entry.name : 'files';
    if (!skipped.includes(name)) {
      const bytes = entry.isDirectory() ? await bytesUnder(full) : (await stat(full)).size;
      found.set(name, bytes + (found.get(name) ?? 0));
    }
  }
  return found;
}
