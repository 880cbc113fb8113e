/** The API's description and the API: the same paths and methods, and answers are held against it. */
import { describe, expect, test } from '@jest/globals';
import { Router } from 'express';
import { PipelineError } from '#common/errors';
import { createLogger } from '#common/logger';
import { createApp } from '../../control/api/app.ts';
import { EdgeViews } from '../../control/api/edge-views.ts';
import { described, undescribed } from '../helpers/described-answers.ts';
import { expressRoutes } from '../helpers/express-routes.ts';
import { refusingChannels } from '../helpers/refusing-channels.ts';

// Routes are looked at here, never followed.
const app = createApp({
  adminToken: 'a-token-for-tests-only',
  endedSessions: { has: () => false, add: () => undefined },
  channels: refusingChannels,
  services: () => Promise.resolve([]),
  edges: new EdgeViews(),
  room: {
    events: { hasRoom: false, open: () => undefined, endSession: () => undefined },
    first: () => [],
  },
  files: undefined,
  previews: { latest: () => Promise.reject(new PipelineError('NOT_FOUND', 'no picture')) },
  board: () => Router(),
  now: Date.now,
  logger: createLogger('test', 'silent'),
});

const routed = expressRoutes(app.router)
  .filter(
    ({ method, path }) => method !== undefined && method !== '_ALL' && path.startsWith('/v1/'),
  )
  .map(({ method, path }) => `${method ?? ''} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
const documented = Object.entries(described.paths).flatMap(([path, operations]) =>
  Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
);

describe('/v1/openapi.json', () => {
  test('has every route that the application has, and no other', () => {
    // A router that hid its routes from this test would let it pass.
    expect(routed.length).toBeGreaterThan(10);
    expect(documented.toSorted()).toEqual(routed.toSorted());
  });

  test('names every parameter of a path', () => {
    for (const [path, operations] of Object.entries(described.paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const operation of Object.values(operations)) {
        const parameters = (operation['parameters'] ?? []) as { name: string; in: string }[];
        const inPath = parameters.filter((parameter) => parameter.in === 'path');
        expect([path, inPath.map(({ name }) => name)]).toEqual([path, named]);
      }
    }
  });
});

describe('an answer', () => {
  const answer = { method: 'GET', path: '/v1/channels', status: 200 };

  test.each([
    ['of another shape', { ...answer, text: '{"channels":[{"id":"x"}]}' }, 'channels/0'],
    ['with more than is described', { ...answer, text: '{"channels":[],"more":1}' }, 'additional'],
    ['of a status that is not described', { ...answer, status: 202, text: '{}' }, 'no such answer'],
    [
      'with a body where there is none',
      { method: 'DELETE', path: '/v1/channels/x', status: 204, text: '{}' },
      'no body',
    ],
    [
      'that is an error of another form',
      { ...answer, status: 500, text: '{"message":"x"}' },
      'error',
    ],
    ['by a method that is not described', { ...answer, method: 'PUT', text: '' }, 'no such method'],
  ])('%s is found', (_what, wrong, says) => {
    expect(undescribed(wrong).join('\n')).toContain(says);
  });

  test('that is as described is none', () => {
    expect(undescribed({ ...answer, text: '{"channels":[]}' })).toEqual([]);
    expect(undescribed({ method: 'GET', path: '/v1/nothing', status: 404, text: '' })).toEqual([]);
  });
});
