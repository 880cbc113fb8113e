/**
 * Conditional and range requests of objects that never change, read: entity tags (RFC 9110 §13.1.2) and one byte range (§14);
 * several ranges are answered with the whole, as the specification allows.
 */

/** Bytes `start` to `end`, inclusive. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a Range header.
 * @param header as received
 * @param total length of the whole
 * @returns the range; `unsatisfiable` (416); or undefined: answer with the whole (also for a reversed range, §14.1.1)
 */
export function parseRange(
  header: string | undefined,
  total: number,
): ByteRange | 'unsatisfiable' | undefined {
  const match = header === undefined ? null : /^bytes=([0-9]{0,15})-([0-9]{0,15})$/i.exec(header);
  if (match === null) {
    return undefined;
  }
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') {
      return undefined;
    }
    const suffix = Math.min(Number(last), total);
    return suffix === 0 ? 'unsatisfiable' : { start: total - suffix, end: total - 1 };
  }
  const start = Number(first);
  const end = last === '' ? total - 1 : Number(last);
  if (last !== '' && end < start) {
    return undefined;
  }
  return start >= total ? 'unsatisfiable' : { start, end: Math.min(end, total - 1) };
}

/** Whether an If-None-Match header names this entity tag (weak comparison, RFC 9110 §13.1.2). */
export function matchesEtag(header: string | undefined, etag: string | undefined): boolean {
  if (header === undefined || etag === undefined) {
    return false;
  }
  const plain = (tag: string): string => tag.trim().replace(/^W\//, '');
  return header.trim() === '*' || header.split(',').some((tag) => plain(tag) === plain(etag));
}
