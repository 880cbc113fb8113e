/** The store over any S3: AWS, MinIO, Ceph, R2. Errors are converted here; nothing else knows the SDK. */
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  type GetObjectCommandOutput,
} from '@aws-sdk/client-s3';
import { PipelineError } from '../errors.ts';
import { assertKey, assertPrefix } from './key.ts';
import type { ObjectStore } from './store.ts';

/** Where the bucket is and who we are to it. */
export interface S3Settings {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const statusOf = (error: unknown): number | undefined =>
  error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;

function storeError(action: string, error: unknown): PipelineError {
  const name = error instanceof Error ? error.name : 'error';
  const status = statusOf(error);
  return new PipelineError(
    'STORE_FAILED',
    `s3: cannot ${action} (${name}${status === undefined ? '' : `, ${status}`})`,
    { cause: error },
  );
}

/** Opens the bucket. No request is made until the first use. */
export function openS3Store(settings: S3Settings): ObjectStore {
  const client = new S3Client({
    endpoint: settings.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: {
      accessKeyId: settings.accessKeyId,
      secretAccessKey: settings.secretAccessKey,
    },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 15_000 },
  });
  const Bucket = settings.bucket;

  const fetchObject = async (
    key: string,
    range: string | undefined,
    signal?: AbortSignal,
  ): Promise<GetObjectCommandOutput | undefined> => {
    assertKey(key);
    try {
      return await client.send(
        new GetObjectCommand({
          Bucket,
          Key: key,
          ...(range === undefined ? {} : { Range: range }),
        }),
        signal ? { abortSignal: signal } : {},
      );
    } catch (error) {
      if (statusOf(error) === 404) {
        return undefined;
      }
      throw storeError(`read ${key}`, error);
    }
  };

  return {
    put: async (key, body, options = {}) => {
      assertKey(key);
      try {
        await client.send(
          new PutObjectCommand({
            Bucket,
            Key: key,
            Body: body,
            ContentLength: body.byteLength,
            ContentType: options.contentType ?? 'application/octet-stream',
            ...(options.ifAbsent === true ? { IfNoneMatch: '*' } : {}),
          }),
          options.signal ? { abortSignal: options.signal } : {},
        );
        return 'stored';
      } catch (error) {
        if (options.ifAbsent === true && (statusOf(error) === 412 || statusOf(error) === 409)) {
          return 'exists';
        }
        throw storeError(`write ${key}`, error);
      }
    },

    get: async (key, options = {}) => {
      const answer = await fetchObject(key, undefined, options.signal);
      if (answer?.Body === undefined) {
        return undefined;
      }
      try {
        return Buffer.from(await answer.Body.transformToByteArray());
      } catch (error) {
        throw storeError(`read ${key}`, error);
      }
    },

    open: async (key, range) => {
      const answer = await fetchObject(
        key,
        range === undefined ? undefined : `bytes=${range.start}-${range.end}`,
      );
      if (answer === undefined || !(answer.Body instanceof Readable)) {
        return undefined;
      }
      const bytes = answer.ContentLength ?? 0;
      const total = Number(answer.ContentRange?.split('/')[1] ?? bytes);
      return { body: answer.Body, bytes, totalBytes: total };
    },

    head: async (key) => {
      assertKey(key);
      try {
        const answer = await client.send(new HeadObjectCommand({ Bucket, Key: key }));
        return { bytes: answer.ContentLength ?? 0 };
      } catch (error) {
        if (statusOf(error) === 404) {
          return undefined;
        }
        throw storeError(`look at ${key}`, error);
      }
    },

    list: async function* (prefix) {
      assertPrefix(prefix);
      let token: string | undefined;
      do {
        const page = await client
          .send(
            new ListObjectsV2Command({
              Bucket,
              Prefix: prefix,
              ...(token === undefined ? {} : { ContinuationToken: token }),
            }),
          )
          .catch((error: unknown) => {
            throw storeError(`list ${prefix}`, error);
          });
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
      try {
        await client.send(new DeleteObjectCommand({ Bucket, Key: key }));
      } catch (error) {
        throw storeError(`delete ${key}`, error);
      }
    },

    close: () => {
      client.destroy();
      return Promise.resolve();
    },
  };
}
