/**
 * The store over a folder, for one machine without S3. An object is written beside its place and moved there
 * whole: by rename, or by link where the first writer must win. Both are atomic on POSIX file systems.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream, type Dirent } from 'node:fs';
import { link, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { PipelineError, systemCodeOf } from '../errors.ts';
import { assertKey, assertPrefix } from './key.ts';
import type { ObjectStore } from './store.ts';

/** Half-written objects; never listed, because no key begins with a dot. */
const PARTIAL = '.partial';

const isAbsent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error));

function storeError(action: string, error: unknown, caller?: AbortSignal): PipelineError {
  if (caller?.aborted === true) {
    return new PipelineError('ABORTED', `folder store: given up: ${action}`, { cause: error });
  }
  const hint =
    systemCodeOf(error) === 'ENOSPC' ? 'the disk is full: free space under DATA_DIR' : action;
  return new PipelineError('STORE_FAILED', `folder store: ${hint} (${systemCodeOf(error)})`, {
    cause: error,
  });
}

/** What is in a folder right now; nothing if it is not there. */
async function entriesOf(folder: string, prefix: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isAbsent(error)) {
      return [];
    }
    throw storeError(`cannot list ${prefix}`, error);
  }
}

/** Opens the store in `root`, which is made when missing. */
export function openFolderStore(root: string): ObjectStore {
  const pathOf = (key: string): string => {
    assertKey(key);
    return join(root, ...key.split('/'));
  };

  const writePartial = async (body: Uint8Array, signal?: AbortSignal): Promise<string> => {
    const partial = join(root, PARTIAL, randomBytes(12).toString('hex'));
    await mkdir(dirname(partial), { recursive: true });
    const file = await open(partial, 'wx');
    try {
      await file.writeFile(body, signal ? { signal } : {});
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    return partial;
  };

  return {
    put: async (key, body, options = {}) => {
      const path = pathOf(key);
      let partial: string | undefined;
      try {
        partial = await writePartial(body, options.signal);
        await mkdir(dirname(path), { recursive: true });
        await (options.ifAbsent === true ? link(partial, path) : rename(partial, path));
        return 'stored';
      } catch (error) {
        if (options.ifAbsent === true && systemCodeOf(error) === 'EEXIST') {
          return 'exists';
        }
        throw storeError(`cannot write ${key}`, error, options.signal);
      } finally {
        if (partial !== undefined) {
          await rm(partial, { force: true });
        }
      }
    },

    get: async (key, options = {}) => {
      const path = pathOf(key);
      try {
        return await readFile(path, options.signal ? { signal: options.signal } : {});
      } catch (error) {
        if (isAbsent(error)) {
          return undefined;
        }
        throw storeError(`cannot read ${key}`, error, options.signal);
      }
    },

    open: async (key, range) => {
      const path = pathOf(key);
      try {
        const { size } = await stat(path);
        const start = range?.start ?? 0;
        const end = Math.min(range?.end ?? size - 1, size - 1);
        const bytes = Math.max(0, end - start + 1);
        const body = bytes === 0 ? Readable.from([]) : createReadStream(path, { start, end });
        return { body, bytes, totalBytes: size };
      } catch (error) {
        if (isAbsent(error)) {
          return undefined;
        }
        throw storeError(`cannot open ${key}`, error);
      }
    },

    head: async (key) => {
      const path = pathOf(key);
      try {
        return { bytes: (await stat(path)).size };
      } catch (error) {
        if (isAbsent(error)) {
          return undefined;
        }
        throw storeError(`cannot look at ${key}`, error);
      }
    },

    list: async function* (prefix) {
      assertPrefix(prefix);
      // Folder by folder: Node 20's recursive opendir leaves entries out once a folder exceeds its buffer.
      const folders = [prefix];
      for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
        for (const entry of await entriesOf(join(root, ...next.split('/')), prefix)) {
          if (entry.isDirectory()) {
            folders.push(`${next}${entry.name}/`);
          } else if (entry.isFile()) {
            yield `${next}${entry.name}`;
          }
        }
      }
    },

    delete: async (key) => {
      const path = pathOf(key);
      try {
        await rm(path, { force: true });
      } catch (error) {
        throw storeError(`cannot delete ${key}`, error);
      }
    },

    close: async () => {},
  };
}
