/** Every setting of every service, set wrongly: the message names it, says what would be right, and tells no value. */
import { describe, expect, test } from '@jest/globals';
import { settingsProblems, type Environment } from '#common/config';
import { parseAllSettings } from '../../supervisor/service-schemas.ts';
import { SERVICES, settingsOf } from '../helpers/service-settings.ts';

const PORT = { wrong: ['garbage', '-1', '65536', '80.5', '1e99'], says: 'from 0 to 65535' };
const REDIS = {
  wrong: ['gar bage', '-1', 'http://h:1', '10.9.8.7:6379', 'redis://:%zz-secret@h'],
  says: 'redis://:password@',
};
const HTTP = {
  wrong: ['gar bage', '-1', 'ftp://h/x', 'localhost:8082', 'http://me:secret-of-mine@h/'],
  says: 'http or https URL without a user name',
};
const number = (says: string): { wrong: string[]; says: string } => ({
  wrong: ['garbage', '-1', 'NaN', 'Infinity', '1e99'],
  says,
});
/** Names of files and secrets: whatever is set may be right. */
const FREE = { wrong: [], says: '' };

const RULES: Readonly<
  Record<string, { readonly wrong: readonly string[]; readonly says: string }>
> = {
  LOG_LEVEL: { wrong: ['garbage', '-1', 'INFO'], says: 'trace, debug, info' },
  BIND_HOST: { wrong: ['a b', '-1', '127.0.0.1:80', 'http://h'], says: '127.0.0.1 or 0.0.0.0' },
  DATA_DIR: FREE,
  REDIS_URL: REDIS,
  HOT_REDIS_URL: REDIS,
  S3_ENDPOINT: HTTP,
  S3_BUCKET: { wrong: ['x', 'Has Capitals', '../up', 'y'.repeat(64)], says: '3 to 63' },
  S3_ACCESS_KEY_ID: FREE,
  S3_SECRET_ACCESS_KEY: FREE,
  CLOCK_RATE: number('from 0.01 to 100'),
  CLOCK_ORIGIN: number('from 1'),
  HEALTH_PORT: PORT,
  RTMP_PORT: PORT,
  HTTP_PORT: PORT,
  CONTROL_PORT: PORT,
  ORIGIN_PORT: PORT,
  RTMP_MAX_CONNECTIONS: number('from 1 to 10000'),
  RTMP_MAX_CONNECTIONS_PER_ADDRESS: number('from 1 to 10000'),
  FEED_MAX_BITRATE: number('from 1000000 to 1000000000'),
  SPOOL_MAX_BYTES: number('from 1048576'),
  WORKER_ID: { wrong: ['Has Space', '-1', 'x'.repeat(41)], says: '1 to 40 of a-z' },
  FFMPEG: FREE,
  TASK_MAX_SECONDS: number('from 1 to 600'),
  TRANSCODE_CORES: number('from 0.1 to 1024'),
  FFMPEG_MEMORY_MIB: number('from 512 to 65536'),
  MEMORY_BYTES: number('from 16777216'),
  CACHE_BYTES: number('from 1048576'),
  REPEAT_PAUSE_MS: number('from 0'),
  ADMIN_TOKEN: {
    wrong: ['too-short-secret'.slice(1), 'a secret with spaces', 's'.repeat(513)],
    says: '16 to 512',
  },
  BOOT_CHANNELS: { wrong: ['Main', 'main,../x', ',', '-main'], says: '1 to 63 of a-z' },
  CLOSE_AFTER_SECONDS: number('from 0.1 to 30'),
  LATE_AFTER_PARTS: number('from 0.1 to 100'),
  ON_OVERLOAD: { wrong: ['SHED', 'off'], says: 'shed or lag' },
  EDGE_ID: { wrong: ['garbage', 'India.mumbai.01a', 'a.b.c.d'], says: 'india.mumbai.01a' },
  EDGE_UPSTREAM: HTTP,
  EDGE_PUBLIC_URL: HTTP,
  EDGE_TLS_CERT: FREE,
  EDGE_TLS_KEY: FREE,
  EDGE_B_ID: { wrong: ['garbage', 'India.mumbai.01a', 'a.b.c.d'], says: 'india.mumbai.01a' },
  EDGE_B_PORT: PORT,
  EDGE_B_PUBLIC_URL: HTTP,
  WORKERS: number('from 1 to 64'),
  RAW_RETENTION_DAYS: number('from 1'),
  S3_REGION: { wrong: ['EU West', 'x'.repeat(64)], says: 'us-east-1' },
};

const NEEDED: Environment = { ADMIN_TOKEN: 'a-token-for-tests-only' };
const S3 = {
  S3_ENDPOINT: 'http://h:1',
  S3_ACCESS_KEY_ID: 'id-of-mine',
  S3_SECRET_ACCESS_KEY: 'secret-of-mine',
};

const services = await Promise.all(
  [...SERVICES, 'supervisor'].map(async (name) => ({ name, ...(await settingsOf(name)) })),
);
const names = [...new Set(services.flatMap(({ shape }) => Object.keys(shape)))];

describe('a wrong setting', () => {
  test('has a rule here, whatever it is', () => {
    expect(Object.keys(RULES).sort()).toEqual(names.sort());
  });

  test.each(services)('of $name is named with what would be right, and no value', (service) => {
    for (const name of Object.keys(service.shape)) {
      const { wrong, says } = RULES[name] ?? FREE;
      for (const value of wrong) {
        const s3 = name.startsWith('S3_') ? S3 : {};
        const lines = settingsProblems(service.schema, { ...NEEDED, ...s3, [name]: value });
        expect({ name, value, lines }).toEqual({
          name,
          value,
          lines: [expect.stringContaining(says)],
        });
        expect(lines[0]).toMatch(new RegExp(`^${name} must `));
        if (value.length > 3) {
          expect(lines[0]).not.toContain(value);
        }
        expect(lines.join()).not.toMatch(/secret/);
      }
    }
  });

  test.each(services)('of $name that is blank counts as unset', ({ schema, shape }) => {
    const blanks = Object.fromEntries(Object.keys(shape).map((name) => [name, '  ']));
    expect(settingsProblems(schema, { ...blanks, ...NEEDED })).toEqual([]);
  });

  test('of any service stops the supervisor, all of them in one message', () => {
    const wrong = { CACHE_BYTES: '1', FEED_MAX_BITRATE: 'x', RTMP_PORT: '-1', EDGE_ID: 'here' };
    expect(() => parseAllSettings(wrong)).toThrow(
      /^settings are wrong:(?=[^]*CACHE_BYTES must)(?=[^]*FEED_MAX_BITRATE must)(?=[^]*RTMP_PORT must)[^]*EDGE_ID must/,
    );
    expect(parseAllSettings({}).RTMP_PORT).toBe(1935);
  });
});

describe('S3 settings', () => {
  const subsets = [1, 2, 3, 4, 5, 6].map((bits) =>
    Object.fromEntries(Object.entries(S3).filter((_entry, index) => (bits >> index) & 1)),
  );

  test.each(subsets)('that are only %j say what is missing', (some) => {
    const missing = Object.keys(S3).filter((name) => !(name in some));
    for (const { schema } of services) {
      const lines = settingsProblems(schema, { ...NEEDED, ...some });
      expect(lines.map((line) => line.split(' ')[0])).toEqual(missing);
      expect(lines.join()).not.toContain('of-mine');
    }
  });

  test('are right all together', () => {
    for (const { schema } of services) {
      expect(settingsProblems(schema, { ...NEEDED, ...S3 })).toEqual([]);
    }
  });
});
