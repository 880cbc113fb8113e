import { expect, test } from '@jest/globals';
import { reachable } from '../../../../control/room/reachable.ts';

test.each([
  ['http://127.0.0.1:8080', 'studio.example', 'http://studio.example:8080'],
  ['rtmp://127.0.0.1:1935/live', '10.0.0.5', 'rtmp://10.0.0.5:1935/live'],
  ['http://127.0.0.1:8080', 'localhost', 'http://127.0.0.1:8080'],
  ['https://edge.example/', 'studio.example', 'https://edge.example/'],
])('%s is reached from a page of %s as %s', (address, page, expected) => {
  expect(reachable(address, page)).toBe(expected);
});
