/**
 * The store over a folder, for one machine without S3. An object is written beside its place and moved there
 * whole: by rename, or by link where the first writer must win. Both are atomic on POSIX file systems.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, mkdir, open, opendir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { PipelineError, systemCodeOf } from '../errors.ts';
import { assertKey, assertPrefix } from './key.ts';
import type { ObjectStore } from './store.ts';

/** Half-written objects; never listed, because no key begins with a dot. */
const PARTIAL = '.partial';

const isAbsent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(error));

function storeError(action: string, error: unknown): PipelineError {
  const hint =
    systemCodeOf(error) === 'ENOSPC' ? 'the disk is full: free space under DATA_DIR' : action;
  return new PipelineError('STORE_FAILED', `folder store: ${hint} (${systemCodeOf(error)})`, {
    cause: error,
  });
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
        throw storeError(`cannot write ${key}`, error);
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
        throw storeError(`cannot read ${key}`, error);
      }
    },

    open: async (key, range) => {
      const path = pathOf(key);
      try {
        const { size } = await stat(path);
        const start = range?.start ?? 0;
        const end = Math.min(range?.end ?? size - 1, size - 1);
        const bytes = Math.max(0, end - start + 1);
        const body = createReadStream(path, bytes === 0 ? { end: -1 } : { start, end });
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
      try {
        const folder = await opendir(join(root, ...prefix.split('/')), { recursive: true });
        for await (const entry of folder) {
          if (entry.isFile()) {
            yield relative(root, join(entry.parentPath, entry.name)).split(sep).join('/');
          }
        }
      } catch (error) {
        if (!isAbsent(error)) {
          throw storeError(`cannot list ${prefix}`, error);
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
