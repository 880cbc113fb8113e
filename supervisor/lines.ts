/** Lines out of a child's output, bounded. */
import type { Readable } from 'node:stream';

const LONGEST_LINE = 64 * 1024;

/** Calls back for each line; what runs on without a line's end is cut at 64 KiB. */
export function eachLine(stream: Readable | null, onLine: (line: string) => void): void {
  if (stream === null) {
    return;
  }
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('error', () => undefined);
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(0, LONGEST_LINE);
    for (const line of lines) {
      onLine(line.slice(0, LONGEST_LINE));
    }
  });
  stream.on('end', () => {
    if (rest !== '') {
      onLine(rest);
    }
  });
}
