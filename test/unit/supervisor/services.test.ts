import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '#common/config';
import { supervisorSettings } from '../../../supervisor/config.ts';
import { HEAP_MEBIBYTES, planServices, type ServicePlan } from '../../../supervisor/services.ts';

const env = {
  PATH: '/usr/bin',
  HOME: '/home/me',
  DATA_DIR: './data',
  WORKERS: '3',
  S3_ENDPOINT: 'http://127.0.0.1:9',
  S3_SECRET_ACCESS_KEY: 's3-secret',
  S3_ACCESS_KEY_ID: 's3-id',
  AWS_PROFILE: 'mine',
  SSH_AUTH_SOCK: '/tmp/agent',
  NPM_TOKEN: 'npm-secret',
};

function plans(extra: Record<string, string> = {}): readonly ServicePlan[] {
  return planServices(
    { ...env, ...extra },
    {
      config: { ...parseConfig(supervisorSettings, { ...env, ...extra }), DATA_DIR: '/data' },
      ports: { RTMP_PORT: 1, HTTP_PORT: 2, CONTROL_PORT: 3, ORIGIN_PORT: 4, EDGE_B_PORT: 5 },
      redisUrl: 'redis://:redis-secret@127.0.0.1:6',
      adminToken: 'admin-secret',
      channels: ['main', 'demo'],
    },
  );
}

const holders = (value: string): string[] => [
  ...new Set(
    plans()
      .filter((plan) => Object.values(plan.env).includes(value))
      .map((plan) => plan.service),
  ),
];

describe('the plan of services', () => {
  test('bounds the heap of each, far below what V8 would let garbage grow to', () => {
    for (const { service } of plans()) {
      expect([service, HEAP_MEBIBYTES[service] <= 1024]).toEqual([service, true]);
    }
  });

  test('has one process a service, and as many transcoders as asked for', () => {
    expect(plans().map((plan) => plan.name)).toEqual([
      'control',
      'scheduler',
      'aggregator',
      'ingest',
      'transcoder-1',
      'transcoder-2',
      'transcoder-3',
      'edge',
      'edge-b',
    ]);
  });

  test('gives the admin token to control alone', () => {
    expect(holders('admin-secret')).toEqual(['control']);
  });

  test('keeps the store from the edge, which viewers reach', () => {
    expect(holders('s3-secret')).not.toContain('edge');
    expect(holders('s3-secret')).toHaveLength(5);
  });

  test('passes nothing on that no service asks for', () => {
    const names = new Set(plans().flatMap((plan) => Object.keys(plan.env)));
    expect([...names]).not.toEqual(expect.arrayContaining(['AWS_PROFILE']));
    expect(names.has('SSH_AUTH_SOCK')).toBe(false);
    expect(names.has('NPM_TOKEN')).toBe(false);
  });

  test('tells every service the settled ports and folder', () => {
    const byName = new Map(plans().map((plan) => [plan.name, plan.env]));
    expect(byName.get('ingest')).toMatchObject({ RTMP_PORT: '1', DATA_DIR: '/data' });
    expect(byName.get('edge')).toMatchObject({
      HTTP_PORT: '2',
      EDGE_UPSTREAM: 'http://127.0.0.1:4',
      EDGE_ID: 'local.host.01a',
    });
    expect(byName.get('edge-b')).toMatchObject({
      HTTP_PORT: '5',
      EDGE_UPSTREAM: 'http://127.0.0.1:4',
      EDGE_ID: 'local.host.01b',
    });
    expect(byName.get('control')).toMatchObject({
      CONTROL_PORT: '3',
      BOOT_CHANNELS: 'main,demo',
    });
  });

  test('gives each edge its own address, never the other one’s', () => {
    const addresses = (extra: Record<string, string>): (string | undefined)[] =>
      plans(extra)
        .filter((plan) => plan.service === 'edge')
        .map((plan) => plan.env['EDGE_PUBLIC_URL']);
    expect(addresses({ EDGE_PUBLIC_URL: 'http://a' })).toEqual(['http://a', undefined]);
    expect(addresses({ EDGE_B_PUBLIC_URL: 'http://b' })).toEqual([undefined, 'http://b']);
  });

  test('reaches the origin over loopback when services listen everywhere', () => {
    const edge = plans({ BIND_HOST: '0.0.0.0' }).at(-1);
    expect(edge?.env['EDGE_UPSTREAM']).toBe('http://127.0.0.1:4');
    expect(edge?.env['BIND_HOST']).toBe('0.0.0.0');
  });
});
