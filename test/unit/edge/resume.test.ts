import { expect, test } from '@jest/globals';
import { CachedObject } from '../../../edge/cached-object.ts';
import { readWhole } from '../../../edge/resume.ts';
import type { UpstreamAnswer } from '../../../edge/upstream.ts';

const head = {
  status: 200,
  etag: '"a"',
  cacheControl: undefined,
  retryAfter: undefined,
  contentRange: undefined,
  length: undefined,
  isFramed: true,
};
const brokenOff: UpstreamAnswer = {
  head,
  readInto: () => Promise.reject(new Error('broke off')),
  discard: () => Promise.resolve(),
};

test('an answer that broke off is asked for again only until the upstream is closed', async () => {
  const closing = new AbortController();
  const asked: string[] = [];
  const upstream = {
    closed: closing.signal,
    fetch: (path: string) => {
      asked.push(path);
      closing.abort();
      return Promise.reject(new Error('closed'));
    },
  };
  const reading = readWhole(upstream, '/live/a/v180/1.m4s', brokenOff, new CachedObject(head));
  await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
  expect(asked).toEqual(['/live/a/v180/1.m4s']);
});

test('one that is not to be had any more, because its rendition is withheld, is given up at once', async () => {
  const upstream = {
    closed: new AbortController().signal,
    fetch: () =>
      Promise.resolve<UpstreamAnswer>({
        head: { ...head, status: 410, etag: undefined },
        readInto: () => Promise.reject(new Error('nobody reads it')),
        discard: () => Promise.resolve(),
      }),
  };
  const reading = readWhole(upstream, '/live/a/v180/1.m4s', brokenOff, new CachedObject(head));
  await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
