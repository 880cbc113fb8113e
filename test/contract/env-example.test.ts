import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { baseSettings } from '#common/config';
import { supervisorSettings } from '../../supervisor/config.ts';
import { SERVICE_SETTINGS } from '../../supervisor/service-schemas.ts';
import { SERVICES, settingsOf } from '../helpers/service-settings.ts';

const ROOT = new URL('../../', import.meta.url);
/** Set by hand for a process that runs alone; under the supervisor each takes a free port and an id of its own. */
const NEVER_PASSED = ['HEALTH_PORT', 'WORKER_ID'];
/** Their defaults differ from machine to machine and from run to run. */
const WITHOUT_FIXED_DEFAULT = ['WORKERS', 'WORKER_ID'];
/** The edge reaches no store, and the supervisor tells it the origin's whole address. */
const KEPT_FROM_EDGE = [
  'ORIGIN_PORT',
  ...Object.keys(baseSettings.shape).filter((n) => n.startsWith('S3_')),
];

function example(): Map<string, string> {
  const text = readFileSync(new URL('.env.example', ROOT), 'utf8');
  const lines = [...text.matchAll(/^#([A-Z0-9_]+)=(.*)$/gm)];
  return new Map(lines.map(([, name = '', value = '']) => [name, value]));
}

/** A setting's default as somebody would type it; empty if there is none. */
function defaultOf(schema: unknown): string {
  if (schema instanceof z.ZodPipe) {
    return defaultOf(schema.in);
  }
  return schema instanceof z.ZodDefault ? String(schema.def.defaultValue) : '';
}

const shapes = (await Promise.all(SERVICES.map(settingsOf))).map(({ shape }) => shape);
/** The supervisor's come last: where it knows better than a service that runs alone, its default counts. */
const all = new Map(
  [...shapes, supervisorSettings.shape].flatMap((shape) => Object.entries(shape)),
);

describe('.env.example', () => {
  test('names every setting of every service, and no other', () => {
    expect([...example().keys()].sort()).toEqual([...all.keys()].sort());
  });

  test('shows the defaults that are in the schemas', () => {
    const wrong = [...example()].flatMap(([name, value]) => {
      const expected = WITHOUT_FIXED_DEFAULT.includes(name) ? '' : defaultOf(all.get(name));
      return expected === value ? [] : [`${name}=${value}, not ${expected}`];
    });
    expect(wrong).toEqual([]);
  });
});

describe('the environment that the supervisor passes on', () => {
  test.each(SERVICES.map((service, index) => ({ service, shape: shapes[index] ?? {} })))(
    'is exactly what $service has settings for',
    ({ service, shape }) => {
      const kept = service === 'edge' ? [...NEVER_PASSED, ...KEPT_FROM_EDGE] : NEVER_PASSED;
      const wanted = Object.keys(shape).filter((name) => !kept.includes(name));
      expect([...SERVICE_SETTINGS[service]].sort()).toEqual(wanted.sort());
    },
  );
});
