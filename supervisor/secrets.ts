/** Secrets kept in `DATA_DIR`, readable by the owner alone. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemCodeOf } from '#common/errors';

const SECRET_BYTES = 32;

/** A new secret: 256 bits as hexadecimal digits. */
export const newSecret = (): string => randomBytes(SECRET_BYTES).toString('hex');

/** The secret kept in a file; undefined if there is none. */
export function readSecret(folder: string, name: string): string | undefined {
  try {
    const text = readFileSync(join(folder, name), 'utf8').trim();
    return text === '' ? undefined : text;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

/** The secret kept in a file, made at the first call. */
export function keepSecret(folder: string, name: string): string {
  const kept = readSecret(folder, name);
  if (kept !== undefined) {
    return kept;
  }
  const secret = newSecret();
  writeFileSync(join(folder, name), `${secret}\n`, { mode: 0o600 });
  return secret;
}

/** The file in which control keeps a channel's stream key when it makes the channel at the first start. */
export const streamKeyFile = (channel: string): string => `stream-key-${channel}`;
