import { describe, expect, test } from '@jest/globals';
import type { ServiceRecord } from '#common/contracts/status';
import { nearestEdges } from '#common/edge-directory';
import { readServices } from '../../../edge/services.ts';

const NOW = 1_800_000_000_000;
const edge = (id: string, change: Partial<ServiceRecord> = {}): ServiceRecord => ({
  id,
  service: 'edge',
  url: 'http://10.0.0.1:8080',
  pid: 1,
  ready: true,
  startedAt: NOW - 60_000,
  at: NOW - 1_000,
  detail: { edge: id, url: `https://${id}.example` },
  ...change,
});
const idsFrom = (from: string | undefined, records: readonly ServiceRecord[]): string[] =>
  nearestEdges(records, from, NOW).edges.map(({ id }) => id);

describe('nearestEdges', () => {
  test('orders itself, its city, its country, the rest', () => {
    const ids = ['japan.tokyo.01a', 'india.delhi.01a', 'india.mumbai.01a', 'india.mumbai.02b'];
    const records = ids.map((id) => edge(id));
    expect(idsFrom('india.mumbai.02b', records)).toEqual([
      'india.mumbai.02b',
      'india.mumbai.01a',
      'india.delhi.01a',
      'japan.tokyo.01a',
    ]);
  });

  test('the same city name in another country is not near', () => {
    const ids = ['canada.london.01a', 'uk.leeds.01a'].map((id) => edge(id));
    expect(idsFrom('uk.london.01a', ids)).toEqual(['uk.leeds.01a', 'canada.london.01a']);
  });

  test('asked from nowhere, orders by id', () => {
    const records = ['india.mumbai.01a', 'canada.london.01a'].map((id) => edge(id));
    expect(idsFrom(undefined, records)).toEqual(['canada.london.01a', 'india.mumbai.01a']);
  });

  test('leaves out who is silent, not ready, no edge, or without an address', () => {
    const records = [
      edge('a.b.silent', { at: NOW - 5_000 }),
      edge('a.b.starting', { ready: false }),
      edge('a.b.worker', { service: 'transcoder' }),
      edge('a.b.nowhere', { detail: {} }),
      edge('a.b.script', { detail: { edge: 'a.b.script', url: 'javascript:alert(1)' } }),
      edge('a.b.good'),
    ];
    expect(idsFrom('a.b.good', records)).toEqual(['a.b.good']);
  });

  test('says until when it holds', () => {
    expect(nearestEdges([], 'a.b.c', NOW).expiresAt).toBe(new Date(NOW + 900_000).toISOString());
  });
});

test('what is not a service record is skipped', () => {
  const record = edge('a.b.c');
  expect(readServices(['{', '{}', 'null', JSON.stringify(record)])).toEqual([record]);
});
