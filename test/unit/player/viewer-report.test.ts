import { expect, test } from '@jest/globals';
import { REPORT_MS, reportOf } from '#common/contracts/cmcd';
import { reporting } from '../../../player/viewer-report.ts';

const EDGE = 'http://edge.example';

function open() {
  let now = 10 * REPORT_MS;
  let latency: number | undefined = 620;
  const { locate } = reporting(
    {
      locate: (url) => `${EDGE}${url}`,
      failed: () => undefined,
      suspect: () => undefined,
      watch: () => () => undefined,
    },
    { channel: 'main', now: () => now, latency: () => latency },
  );
  return {
    locate,
    pass: (ms: number) => {
      now += ms;
    },
    set: (ms: number | undefined) => {
      latency = ms;
    },
  };
}

test('the first manifest or playlist of a stretch tells how far behind the picture is', () => {
  const { locate, pass } = open();
  const manifest = '/live/main/index.mpd';
  expect(reportOf(locate(manifest))?.latencyMs).toBe(620);
  expect(locate(manifest)).toBe(EDGE + manifest);
  pass(REPORT_MS - 1);
  expect(locate('/live/main/v720/7.m3u8?_HLS_msn=9')).toBe(
    `${EDGE}/live/main/v720/7.m3u8?_HLS_msn=9`,
  );
  pass(1);
  expect(reportOf(locate('/live/main/v720/7.m3u8?_HLS_msn=10'))?.latencyMs).toBe(620);
});

test('segments, init segments, recordings and other channels are asked for by their plain address', () => {
  const { locate } = open();
  for (const path of [
    '/live/main/v720/7.m4s',
    '/live/main/v720/7.1.m4s',
    '/live/main/v720/init-0123456789abcdef.mp4',
    '/vod/main/7/index.m3u8',
    '/live/other/index.mpd',
    '/time',
  ]) {
    expect(locate(path)).toBe(EDGE + path);
  }
});

test('who is not watching live tells nothing, and tells as soon as he is', () => {
  const { locate, set } = open();
  set(undefined);
  expect(locate('/live/main/index.mpd')).toBe(`${EDGE}/live/main/index.mpd`);
  set(700);
  expect(reportOf(locate('/live/main/index.mpd'))?.latencyMs).toBe(700);
});

test('an address that still has a report is asked for without it', () => {
  const { locate, set } = open();
  set(undefined);
  expect(locate('/live/main/index.mpd?CMCD=ltc%3D5%2Cv%3D2')).toBe(`${EDGE}/live/main/index.mpd`);
});
