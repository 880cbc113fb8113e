/**
 * The store over S3, against Ceph's radosgw: one server for all of these tests.
 *
 * @takes-seconds 35
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from 'minio';
import { prepareBucket } from '#common/store/s3-admin';
import type { S3Settings } from '#common/store/s3-client';
import { openS3Store } from '#common/store/s3';
import type { ObjectStore } from '#common/store/store';
import { describeWith } from '../helpers/needs.ts';
import { eventually } from '../helpers/poll.ts';
import { RADOSGW, startRadosgw, type Radosgw } from '../helpers/radosgw.ts';
import { freePort } from '../helpers/redis-server.ts';
import { testConformance } from '../helpers/store-conformance.ts';
import { testFaults } from './s3-faults.ts';

let radosgw: Radosgw;
let settings: S3Settings;
let store: ObjectStore;

const KEEP = { rawRetentionDays: undefined };

describeWith(RADOSGW, 'the S3 store', () => {
  beforeAll(async () => {
    radosgw = await startRadosgw();
    const { endpoint, accessKeyId, secretAccessKey } = radosgw;
    settings = { endpoint, bucket: 'touchline', accessKeyId, secretAccessKey };
    await prepareBucket(settings, KEEP);
    store = openS3Store(settings);
  }, 120_000);

  afterAll(async () => {
    await store.close();
    await radosgw.close();
  });

  testConformance(() => store);

  test('keeps the content type', async () => {
    await store.put('types/a.mp4', Buffer.from('a'), { contentType: 'video/mp4' });
    await store.put('types/b', Buffer.from('b'));
    const typeOf = async (key: string): Promise<unknown> => {
      const stat = await client(settings).statObject('touchline', key);
      return stat.metaData['content-type'];
    };
    expect(await typeOf('types/a.mp4')).toBe('video/mp4');
    expect(await typeOf('types/b')).toBe('application/octet-stream');
  });

  test('signs for the region that is set, and for us-east-1 otherwise', async () => {
    const far = openS3Store({ ...settings, region: 'eu-west-1' });
    await far.put('region/a', Buffer.from('a'));
    expect((await store.get('region/a'))?.toString()).toBe('a');
    await far.close();
  });

  describe('names the setting at fault', () => {
    const every = (wrong: ObjectStore): readonly (() => Promise<unknown>)[] => [
      () => wrong.put('a', Buffer.from('a')),
      () => wrong.put('a', Buffer.from('a'), { ifAbsent: true }),
      () => wrong.get('a'),
      () => wrong.open('a', { start: 0, end: 1 }),
      () => wrong.list('a/')[Symbol.asyncIterator]().next(),
      () => wrong.delete('a'),
    ];
    test.each<[string, string, () => Promise<Partial<S3Settings>>]>([
      ['a key id that is not known', 'S3_ACCESS_KEY_ID', async () => ({ accessKeyId: 'nobody' })],
      ['a wrong secret', 'S3_SECRET_ACCESS_KEY', async () => ({ secretAccessKey: 'wrong' })],
      ['a bucket that is not there', 'S3_BUCKET', async () => ({ bucket: 'not-there' })],
      ["somebody else's bucket", 'S3_BUCKET', async () => radosgw.guest],
      [
        'an endpoint where nothing listens',
        'S3_ENDPOINT',
        async () => ({ endpoint: `http://127.0.0.1:${await freePort()}` }),
      ],
    ])('for %s: %s', async (_name, setting, wrongPart) => {
      const part = await wrongPart();
      const wrong = openS3Store({ ...settings, ...part });
      for (const use of every(wrong)) {
        const failure: unknown = await use().then(
          () => 'no failure',
          (error: unknown) => error,
        );
        expect(failure).toMatchObject({
          code: 'STORE_FAILED',
          message: expect.stringContaining(setting),
        });
        expect(JSON.stringify([failure, String(failure)])).not.toContain(settings.secretAccessKey);
      }
      await wrong.close();
    });

    test('and does not take a lost bucket for a missing object', async () => {
      const lost = openS3Store({ ...settings, bucket: 'lost' });
      await expect(lost.get('a')).rejects.toMatchObject({ code: 'STORE_FAILED' });
      await expect(lost.head('a')).rejects.toMatchObject({ code: 'STORE_FAILED' });
      await lost.close();
    });
  });

  describe('is prepared', () => {
    test('once, however many services begin at the same time', async () => {
      const bucket = 'prepared';
      const all = await Promise.all(
        Array.from({ length: 6 }, () => prepareBucket({ ...settings, bucket }, KEEP)),
      );
      expect(all.some((one) => one.isBucketNew)).toBe(true);
      const again = await prepareBucket({ ...settings, bucket }, KEEP);
      expect(again).toEqual({ isBucketNew: false, hasLifecycleChanged: false });
    });

    test('with raw chunks that expire, and only they; rules of others stay', async () => {
      const bucket = 'retention';
      const wishes = { rawRetentionDays: 30 };
      const mine = { ...settings, bucket };
      await prepareBucket(mine, KEEP);
      const theirs = { ID: 'theirs', Status: 'Enabled', Filter: { Prefix: 'x/' } };
      await client(mine).setBucketLifecycle(bucket, {
        Rule: [{ ...theirs, Expiration: { Days: 3 } }],
      });
      expect((await prepareBucket(mine, wishes)).hasLifecycleChanged).toBe(true);
      expect((await prepareBucket(mine, wishes)).hasLifecycleChanged).toBe(false);
      const rules = async (): Promise<unknown[]> =>
        [(await client(mine).getBucketLifecycle(bucket))?.Rule ?? []].flat();
      expect(await rules()).toHaveLength(2);

      const bucketStore = openS3Store(mine);
      await bucketStore.put('raw/c/s/1.mp4', Buffer.from('a'));
      await bucketStore.put('media/c/v/1.m4s', Buffer.from('a'));
      expect((await prepareBucket(mine, { rawRetentionDays: 1 })).hasLifecycleChanged).toBe(true);
      await eventually('the raw chunk to expire', async () => {
        await radosgw.runLifecycle();
        return (await bucketStore.head('raw/c/s/1.mp4')) === undefined ? true : undefined;
      });
      expect(await bucketStore.head('media/c/v/1.m4s')).toEqual({ bytes: 1 });

      expect((await prepareBucket(mine, KEEP)).hasLifecycleChanged).toBe(true);
      expect(await rules()).toEqual([expect.objectContaining({ ID: 'theirs' })]);
      await bucketStore.close();
    });

    test.each<[string, 'BAD_CONFIG' | 'STORE_FAILED', () => Promise<Partial<S3Settings>>]>([
      ['S3_ACCESS_KEY_ID', 'BAD_CONFIG', async () => ({ ...radosgw.guest, bucket: 'no-right' })],
      ['S3_ACCESS_KEY_ID', 'BAD_CONFIG', async () => ({ accessKeyId: 'nobody' })],
      ['S3_SECRET_ACCESS_KEY', 'BAD_CONFIG', async () => ({ secretAccessKey: 'wrong' })],
      [
        'S3_ENDPOINT',
        'STORE_FAILED',
        async () => ({ endpoint: `http://127.0.0.1:${await freePort()}` }),
      ],
    ])('or says which setting is at fault: %s', async (setting, code, wrongPart) => {
      const wrong = { ...settings, ...(await wrongPart()) };
      await expect(prepareBucket(wrong, KEEP)).rejects.toMatchObject({
        code,
        message: expect.stringContaining(setting),
      });
    });
  });

  describe('behind a network that fails', () => {
    testFaults(() => settings);
  });
});

function client({ endpoint, accessKeyId, secretAccessKey }: S3Settings): Client {
  const { hostname, port } = new URL(endpoint);
  const keys = { accessKey: accessKeyId, secretKey: secretAccessKey };
  return new Client({ endPoint: hostname, port: Number(port), useSSL: false, ...keys });
}
