import { expect, test } from '@jest/globals';
import type { ServiceRecord } from '#common/contracts/status';
import { EdgeViews } from '../../../control/api/edge-views.ts';

const edge = (at: number, detail: ServiceRecord['detail'], startedAt = 0): ServiceRecord => ({
  id: 'edge-1',
  service: 'edge',
  url: 'http://127.0.0.1:1',
  pid: 1,
  ready: true,
  startedAt,
  at,
  detail,
});
const counters = (requests: number) => ({
  requests,
  hits: requests * 0.75,
  misses: requests * 0.25,
  bytesSent: requests * 1_000,
});
const rates = (views: EdgeViews, record: ServiceRecord) => {
  const { hitRatio, requestsPerSecond, bitsPerSecond } = views.of([record])[0] ?? {};
  return [hitRatio, requestsPerSecond, bitsPerSecond];
};

test('rates are between the heartbeats of the last ten seconds', () => {
  const views = new EdgeViews();
  expect(rates(views, edge(0, counters(100)))).toEqual([null, null, null]);
  expect(rates(views, edge(2_000, counters(300)))).toEqual([0.75, 100, 800_000]);
  // The same heartbeat again is no new one.
  expect(rates(views, edge(2_000, counters(300)))).toEqual([0.75, 100, 800_000]);
  expect(rates(views, edge(12_000, counters(320)))).toEqual([0.75, 2, 16_000]);
});

test('without requests there is a rate, and no ratio', () => {
  const views = new EdgeViews();
  views.of([edge(0, counters(100))]);
  expect(rates(views, edge(2_000, counters(100)))).toEqual([null, 0, 0]);
});

test('counters that begin anew with the process are not taken for a rate', () => {
  const views = new EdgeViews();
  views.of([edge(0, counters(1_000))]);
  expect(rates(views, edge(2_000, counters(12), 1_000))).toEqual([null, null, null]);
  expect(rates(views, edge(4_000, counters(32), 1_000))).toEqual([0.75, 10, 80_000]);
});

test('an edge that counts nothing, or nonsense, is shown all the same', () => {
  const [view] = new EdgeViews().of([edge(0, { url: 'http://edge.example', hits: 'many' })]);
  expect(view).toMatchObject({
    id: 'edge-1',
    publicUrl: 'http://edge.example',
    hits: null,
    hitRatio: null,
  });
});
