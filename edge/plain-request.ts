/** Which requests are plain enough for the fast path, and what their headers wish for. */

/** What of a plain request's headers counts. */
export interface Wishes {
  readonly acceptsGzip: boolean;
  readonly ifNoneMatch: string | undefined;
}

const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;
/** What these ask for is node:http's work. */
const NOT_PLAIN = new Set([
  'content-length',
  'expect',
  'http2-settings',
  'if-match',
  'if-modified-since',
  'if-range',
  'if-unmodified-since',
  'range',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Judges the headers of a request, without its first line, up to and with the empty line.
 * @returns undefined when the request is not plain
 */
export function judgeHeaders(block: string): Wishes | undefined {
  let hosts = 0;
  let acceptsGzip = false;
  let ifNoneMatch: string | undefined;
  for (const line of block.slice(0, -4).split('\r\n')) {
    const [, name, value = ''] = HEADER_LINE.exec(line) ?? [];
    if (name === undefined) {
      return undefined;
    }
    const lower = name.toLowerCase();
    switch (lower) {
      case 'host':
        hosts += 1;
        break;
      case 'accept-encoding':
        acceptsGzip ||= /\bgzip\b/.test(value);
        break;
      case 'connection':
        if (value.trim().toLowerCase() !== 'keep-alive') {
          return undefined;
        }
        break;
      case 'if-none-match':
        if (ifNoneMatch !== undefined) {
          return undefined;
        }
        ifNoneMatch = value;
        break;
      default:
        if (NOT_PLAIN.has(lower)) {
          return undefined;
        }
    }
  }
  return hosts === 1 ? { acceptsGzip, ifNoneMatch } : undefined;
}
