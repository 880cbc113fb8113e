/** The store over any S3: AWS, MinIO, Ceph, R2. Errors are converted at its border; nothing else knows the SDK. */
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type GetObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { PipelineError } from '../errors.ts';
import { assertKey, assertPrefix } from './key.ts';
import { BoundedS3, type Call, type S3Limits, type S3Settings } from './s3-client.ts';
import { isBucketMissing, statusOf } from './s3-errors.ts';
import type { ObjectStore, OpenObject } from './store.ts';

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Opens the bucket. No request is made until the first use. */
export function openS3Store(settings: S3Settings, limits?: Partial<S3Limits>): ObjectStore {
  const s3 = new BoundedS3(settings, limits);
  const Bucket = settings.bucket;

  /** A body that ends with its answer: all of it, or an error. */
  const readWhole = async (
    answer: GetObjectCommandOutput,
    key: string,
    signal: AbortSignal,
  ): Promise<Buffer> => {
    if (!(answer.Body instanceof Readable)) {
      return Buffer.alloc(0);
    }
    const body = answer.Body;
    const stop = (): void => void body.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    const parts: Buffer[] = [];
    try {
      for await (const part of body) {
        parts.push(part as Buffer);
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
    const bytes = Buffer.concat(parts);
    if (answer.ContentLength !== undefined && bytes.byteLength !== answer.ContentLength) {
      throw new Error(
        `${key} was cut off after ${bytes.byteLength} of ${answer.ContentLength} bytes`,
      );
    }
    return bytes;
  };

  const headObject = async (key: string): Promise<{ readonly bytes: number } | undefined> => {
    const call: Call = { action: `look at ${key}` };
    return s3.read(call, async (client, signal) => {
      try {
        const head = new HeadObjectCommand({ Bucket, Key: key });
        const answer = await client.send(head, { abortSignal: signal });
        return { bytes: answer.ContentLength ?? 0 };
      } catch (error) {
        if (statusOf(error) !== 404) {
          throw error;
        }
        // An answer to HEAD has no body, so it cannot say whether object or bucket is missing.
        await client
          .send(new HeadBucketCommand({ Bucket }), { abortSignal: signal })
          .catch(bucketIsMissing);
        return undefined;
      }
    });
  };

  const openObject = async (
    key: string,
    range: Range | undefined,
  ): Promise<OpenObject | undefined> => {
    let leave = (): void => undefined;
    const onPlace = (leavePlace: () => void): void => {
      leave = leavePlace;
    };
    const Range = range === undefined ? {} : { Range: `bytes=${range.start}-${range.end}` };
    const answer = await s3.read({ action: `open ${key}`, onPlace }, (client, signal) =>
      client
        .send(new GetObjectCommand({ Bucket, Key: key, ...Range }), { abortSignal: signal })
        .catch(nothingToGive),
    );
    if (typeof answer === 'string' || !(answer.Body instanceof Readable)) {
      leave();
      const object = answer === 'absent' ? undefined : await headObject(key);
      return object && { body: Readable.from([]), bytes: 0, totalBytes: object.bytes };
    }
    answer.Body.once('close', leave);
    const bytes = answer.ContentLength ?? 0;
    const total = Number(answer.ContentRange?.split('/')[1] ?? bytes);
    return { body: answer.Body, bytes, totalBytes: total };
  };

  return {
    put: async (key, body, options = {}) => {
      assertKey(key);
      const put = new PutObjectCommand({
        Bucket,
        Key: key,
        Body: body,
        ContentLength: body.byteLength,
        ContentType: options.contentType ?? 'application/octet-stream',
        ...(options.ifAbsent === true ? { IfNoneMatch: '*' } : {}),
      });
      const call: Call = { action: `write ${key}`, signal: options.signal };
      return s3.write(call, async (client, signal) => {
        try {
          await client.send(put, { abortSignal: signal });
          return 'stored';
        } catch (error) {
          if (options.ifAbsent === true && statusOf(error) === 412) {
            return 'exists';
          }
          throw error;
        }
      });
    },

    get: async (key, options = {}) => {
      assertKey(key);
      const call: Call = { action: `read ${key}`, signal: options.signal };
      return s3.read(call, async (client, signal, answered) => {
        const get = new GetObjectCommand({ Bucket, Key: key });
        const answer = await client.send(get, { abortSignal: signal }).catch(nothingToGive);
        answered();
        return typeof answer === 'string' ? undefined : readWhole(answer, key, signal);
      });
    },

    open: async (key, range) => {
      assertKey(key);
      return openObject(key, range);
    },

    head: async (key) => {
      assertKey(key);
      return headObject(key);
    },

    list: async function* (prefix) {
      assertPrefix(prefix);
      let token: string | undefined;
      do {
        const from = token === undefined ? {} : { ContinuationToken: token };
        const list = new ListObjectsV2Command({ Bucket, Prefix: prefix, ...from });
        const page = await s3.read({ action: `list ${prefix}` }, (client, signal) =>
          client.send(list, { abortSignal: signal }),
        );
        for (const { Key } of page.Contents ?? []) {
          if (Key !== undefined) {
            yield Key;
          }
        }
        token = page.NextContinuationToken;
      } while (token !== undefined);
    },

    delete: async (key) => {
      assertKey(key);
      await s3.write({ action: `delete ${key}` }, (client, signal) =>
        client.send(new DeleteObjectCommand({ Bucket, Key: key }), { abortSignal: signal }),
      );
    },

    close: () => {
      s3.close();
      return Promise.resolve();
    },
  };
}

/** What is no fault: no such object, or none of its bytes in the range. A bucket that is not there is a fault. */
function nothingToGive(error: unknown): 'absent' | 'past end' {
  const status = statusOf(error);
  if (status === 404 && !isBucketMissing(error)) {
    return 'absent';
  }
  if (status === 416) {
    return 'past end';
  }
  throw error;
}

/** An answer to HEAD has no code in its body that could tell. */
function bucketIsMissing(error: unknown): never {
  if (statusOf(error) === 404) {
    throw new PipelineError('STORE_FAILED', 's3: S3_BUCKET does not exist', { cause: error });
  }
  throw error;
}
