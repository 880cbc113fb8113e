/** Names of sessions. */
import { randomBytes } from 'node:crypto';
import type { Milliseconds } from '#common/time';

/** A new session's name: its beginning in base 36, so that names sort by time, and 40 random bits. */
export function newSessionId(now: Milliseconds): string {
  const random = randomBytes(5).readUIntBE(0, 5).toString(36).padStart(8, '0');
  return `${Math.floor(now).toString(36)}${random}`;
}
