import { describe, expect, test } from '@jest/globals';
import { judgeHeaders } from '../../../edge/plain-request.ts';

const block = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

describe('judgeHeaders', () => {
  test('reads what a plain request wishes', () => {
    expect(
      judgeHeaders(block('Host: x', 'Accept-Encoding: br, gzip', 'Connection: Keep-Alive')),
    ).toEqual({
      acceptsGzip: true,
      ifNoneMatch: undefined,
    });
    expect(judgeHeaders(block('host: x', 'if-none-match: "a"'))).toEqual({
      acceptsGzip: false,
      ifNoneMatch: '"a"',
    });
  });

  test.each([
    ['no host', ['accept: */*']],
    ['two hosts', ['host: x', 'host: y']],
    ['a body', ['host: x', 'content-length: 0']],
    ['chunks', ['host: x', 'transfer-encoding: chunked']],
    ['a range', ['host: x', 'range: bytes=0-']],
    ['an end', ['host: x', 'connection: close']],
    ['another protocol', ['host: x', 'connection: upgrade', 'upgrade: h2c']],
    ['two conditions', ['host: x', 'if-none-match: "a"', 'if-none-match: "b"']],
    ['a space before the colon', ['host : x']],
    ['a folded line', ['host: x', ' folded: y']],
    ['a bare line feed', ['host: x\ntransfer-encoding: chunked']],
    ['a NUL', ['host: x', 'x: \0']],
    ['an empty name', ['host: x', ': y']],
  ])('does not let %s pass', (_what, lines) => {
    expect(judgeHeaders(block(...lines))).toBeUndefined();
  });
});
