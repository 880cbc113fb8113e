/** Stream keys: 128 bits, kept only as a hash, except in the owner's own file for channels made at the first start. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCodeOf } from '#common/errors';

const KEY_BYTES = 16;
const KEY = /^[0-9a-f]{32}$/;

/** A new stream key: 32 hexadecimal digits. */
export const newStreamKey = (): string => randomBytes(KEY_BYTES).toString('hex');

/** What is stored of a stream key: its SHA-256, hexadecimal. */
export const hashOfStreamKey = (key: string): string =>
  createHash('sha256').update(key).digest('hex');

const fileOf = (folder: string, channel: string): string => join(folder, `stream-key-${channel}`);

/** The key kept for a channel; undefined if there is none or it is not a key. */
export async function readStreamKey(folder: string, channel: string): Promise<string | undefined> {
  try {
    const key = (await readFile(fileOf(folder, channel), 'utf8')).trim();
    return KEY.test(key) ? key : undefined;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

/** Keeps a channel's key, readable by the owner alone; a crash leaves the old file or the new one. */
export async function keepStreamKey(folder: string, channel: string, key: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const file = fileOf(folder, channel);
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, `${key}\n`, { mode: 0o600 });
  await rename(temporary, file);
}
