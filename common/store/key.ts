/** Which strings are object keys: a check at the border, so that no key can leave a folder. */
import { PipelineError } from '../errors.ts';

const KEY = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
const PREFIX = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)+$/;
const LONGEST = 512;

/** Throws `BAD_REQUEST` unless `key` is an object key. */
export function assertKey(key: string): void {
  if (key.length > LONGEST || !KEY.test(key)) {
    throw new PipelineError('BAD_REQUEST', 'object key must be segments of A-Z a-z 0-9 . _ - by /');
  }
}

/** Throws `BAD_REQUEST` unless `prefix` is segments of a key, ending in `/`. */
export function assertPrefix(prefix: string): void {
  if (prefix.length > LONGEST || !PREFIX.test(prefix)) {
    throw new PipelineError('BAD_REQUEST', 'object prefix must be segments of a key, ending in /');
  }
}
