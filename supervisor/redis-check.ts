/** Whether a Redis that the settings name can be used, said in one line before services would wait for it for ever. */
import { setTimeout as delay } from 'node:timers/promises';
import { PipelineError } from '#common/errors';
import { withDeadline } from '#common/lifecycle';
import { Redis } from '#common/redis';

/** The oldest Redis that has all commands in use, and what BullMQ asks for. */
const OLDEST = [6, 2] as const;
/** Real milliseconds: a Redis that is starting, too, has so long to be there. */
const PATIENCE_MS = 10_000;
const POLL_MS = 100;
const ANSWER_MS = 3_000;

/** How a Redis is checked. */
export interface RedisCheck {
  /** The variable that names it. */
  readonly setting: string;
  readonly url: string;
  readonly signal: AbortSignal;
  readonly patienceMs?: number;
}

/**
 * Returns once it answers.
 * @throws PipelineError `BAD_CONFIG` when it is not there, refuses us, is something else or too old; never tells the
 * password
 */
export async function checkRedis(check: RedisCheck): Promise<void> {
  const deadline = performance.now() + (check.patienceMs ?? PATIENCE_MS);
  for (;;) {
    const problem = problemOf(await askForInfo(check.url));
    if (problem === undefined) {
      return;
    }
    if (!problem.mayPass || performance.now() >= deadline) {
      const { hostname, port } = new URL(check.url);
      const place = `${hostname}:${port === '' ? '6379' : port}`;
      throw new PipelineError('BAD_CONFIG', `${check.setting} names ${place}: ${problem.message}`);
    }
    await delay(POLL_MS, undefined, { signal: check.signal });
  }
}

/** What a Redis told about itself, or why it did not. */
export type Answer = { readonly info: string } | { readonly error: string };

async function askForInfo(url: string): Promise<Answer> {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    connectTimeout: ANSWER_MS,
    retryStrategy: () => null,
  });
  let first = '';
  redis.on('error', (error: Error & { code?: string }) => {
    first ||= `${error.code ?? ''} ${error.message}`;
  });
  try {
    await withDeadline(redis.connect(), ANSWER_MS, 'connecting');
    return { info: await withDeadline(redis.info(), ANSWER_MS, 'INFO') };
  } catch (error) {
    return { error: first || String(error) };
  } finally {
    redis.disconnect();
  }
}

interface Problem {
  readonly message: string;
  /** Whether waiting may mend it. */
  readonly mayPass: boolean;
}

/** What is wrong with an answer; undefined when nothing is. */
export function problemOf(answer: Answer): Problem | undefined {
  if ('error' in answer) {
    return problemOfError(answer.error);
  }
  const version = /^redis_version:(\d+)\.(\d+)/m.exec(answer.info);
  if (version === null) {
    return { message: NOT_REDIS, mayPass: false };
  }
  if (/^loading:1/m.test(answer.info)) {
    return LOADING;
  }
  const [major, minor] = [Number(version[1]), Number(version[2])];
  const isNewEnough = major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
  return isNewEnough
    ? undefined
    : {
        message: `Redis ${major}.${minor} is too old: update it to ${OLDEST.join('.')} or newer, or leave the setting out for a private Redis`,
        mayPass: false,
      };
}

const LOADING: Problem = {
  message: 'it is still loading its data: start again when it has',
  mayPass: true,
};
const NOT_REDIS = 'what answers there is not Redis: set it to the address of one';

function problemOfError(error: string): Problem {
  if (/WRONGPASS|invalid password|invalid username/i.test(error)) {
    return { message: 'its password or user is wrong: correct the URL', mayPass: false };
  }
  if (/NOAUTH/.test(error)) {
    const message = 'it asks for a password: use redis://:<password>@host:port';
    return { message, mayPass: false };
  }
  if (/NOPERM/.test(error)) {
    return { message: 'its user may not do what services need (NOPERM)', mayPass: false };
  }
  if (/Unknown RESP type|Protocol error/i.test(error)) {
    return { message: NOT_REDIS, mayPass: false };
  }
  if (/LOADING/.test(error)) {
    return LOADING;
  }
  if (/ENOTFOUND|EAI_AGAIN/.test(error)) {
    return { message: 'there is no such host: correct the URL', mayPass: true };
  }
  return {
    message: 'no Redis answers there: start it, or correct the URL',
    mayPass: true,
  };
}
