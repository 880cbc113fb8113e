/** What the one command says, and how it ends, where it cannot run. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { settlePorts } from '../../supervisor/ports.ts';
import { checkRedis } from '../../supervisor/redis-check.ts';
import { parseAllSettings } from '../../supervisor/service-schemas.ts';
import { ROOT, testWith } from '../helpers/needs.ts';
import { freePort, startRedis } from '../helpers/redis-server.ts';
import { runSupervisorProgram, type SupervisorEnd } from '../helpers/supervisor-run.ts';

const NOBODY = 65_534;

const FREE_PORTS = {
  RTMP_PORT: '0',
  HTTP_PORT: '0',
  CONTROL_PORT: '0',
  ORIGIN_PORT: '0',
  EDGE_B_PORT: '0',
};

let folder: string;
let data: string;
let servers: Server[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'touchline-refusals-'));
  data = join(folder, 'data');
  servers = [];
});

afterEach(() => {
  for (const server of servers) {
    server.close();
  }
  rmSync(folder, { recursive: true });
});

async function serve(server: Server): Promise<number> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A server that speaks as much of Redis's protocol as a client needs to learn its version. */
function redisThatSays(answer: (command: string) => string): Server {
  return createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      for (const command of bytes
        .toString('latin1')
        .match(/(?<=\$\d+\r\n)(?:info|auth|client|select|hello)\b/gi) ?? []) {
        socket.write(answer(command.toLowerCase()));
      }
    });
  });
}

const run = (env: Readonly<Record<string, string>>): Promise<SupervisorEnd> =>
  runSupervisorProgram({ env: { DATA_DIR: data, ...env } });

/** One line, and the end that says "this cannot run so". */
function expectRefusal(end: SupervisorEnd, ...parts: readonly (string | RegExp)[]): void {
  expect(end).toMatchObject({ code: 1, output: expect.stringMatching(/^[^\n]+\n$/) });
  for (const part of parts) {
    expect(end.output).toMatch(part);
  }
  expect(existsSync(join(data, 'lock'))).toBe(false);
}

/** The ports of a supervisor with these settings; patience is for a predecessor's services. */
const settle = (env: Readonly<Record<string, string>>): ReturnType<typeof settlePorts> =>
  settlePorts(parseAllSettings({ ...FREE_PORTS, ...env }), 0);

describe('ports', () => {
  test('that another program holds end the program with one line', async () => {
    const port = await serve(createServer());
    expectRefusal(
      await run({ CONTROL_PORT: String(port) }),
      `port ${port} of 127.0.0.1 is in use by another program: set CONTROL_PORT to another port`,
    );
  });

  test.each(Object.keys(FREE_PORTS))('that another program holds are named: %s', async (name) => {
    const port = await serve(createServer());
    await expect(settle({ [name]: String(port) })).rejects.toThrow(
      `port ${port} of 127.0.0.1 is in use by another program: set ${name} to another port`,
    );
  });

  test('that two settings share are named with both', async () => {
    const port = String(await freePort());
    await expect(settle({ RTMP_PORT: port, ORIGIN_PORT: port })).rejects.toThrow(
      `RTMP_PORT and ORIGIN_PORT are both ${port}: set one to another port`,
    );
  });

  test('of an address that is not this machine’s are its setting’s fault', async () => {
    await expect(settle({ BIND_HOST: '192.0.2.1' })).rejects.toThrow(
      '192.0.2.1 is no address of this machine: set BIND_HOST to one, or to 0.0.0.0 for all',
    );
  });
});

describe('settings', () => {
  test('of every service are checked before anything starts', async () => {
    const end = await run({ CACHE_BYTES: 'x', TASK_MAX_SECONDS: '0', ADMIN_TOKEN: 'short-secret' });
    expect(end.code).toBe(1);
    expect(end.output).toBe(
      [
        'settings are wrong:',
        '  ADMIN_TOKEN must be 16 to 512 ASCII characters without spaces',
        '  TASK_MAX_SECONDS must be a number from 1 to 600',
        '  CACHE_BYTES must be a whole number from 1048576 to 68719476736',
        '',
      ].join('\n'),
    );
    expect(existsSync(data)).toBe(false);
  });
});

describe('a data folder', () => {
  test('below a file is refused', async () => {
    writeFileSync(data, '');
    expectRefusal(
      await run({ DATA_DIR: join(data, 'deeper') }),
      `DATA_DIR is ${join(data, 'deeper')}`,
      /a file, or lies below one; set DATA_DIR to a folder/,
    );
  });

  testWith(ROOT, 'that this user may not write is refused', async () => {
    chmodSync(folder, 0o755);
    const end = await runSupervisorProgram({ env: { DATA_DIR: data }, uid: NOBODY });
    expectRefusal(end, `DATA_DIR is ${data}: no permission to write there; set DATA_DIR`);
  });
});

describe('a Redis that is named', () => {
  const PASSWORD = 'redis-secret-of-mine';
  const signal = new AbortController().signal;
  const check = (url: string, setting = 'REDIS_URL'): Promise<void> =>
    checkRedis({ setting, url, signal, patienceMs: 500 });

  test('and is too old is refused', async () => {
    const old = redisThatSays((command) => {
      const info = '# Server\r\nredis_version:6.0.16\r\n';
      return command === 'info' ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n';
    });
    const port = await serve(old);
    await expect(check(`redis://:${PASSWORD}@127.0.0.1:${port}`)).rejects.toThrow(
      `REDIS_URL names 127.0.0.1:${port}: Redis 6.0 is too old: update it to 6.2 or newer`,
    );
  });

  test('and is something else is refused', async () => {
    const port = await serve(createHttpServer((_request, response) => response.end('hello')));
    await expect(check(`redis://127.0.0.1:${port}`)).rejects.toThrow(
      `REDIS_URL names 127.0.0.1:${port}: what answers there is not Redis`,
    );
  });

  test('with the wrong password, or none, is refused and the password not told', async () => {
    const redis = await startRedis(['--requirepass', 'the-right-one-of-theirs']);
    try {
      const { host } = new URL(redis.url);
      const wrong = await run({ REDIS_URL: `redis://:${PASSWORD}@${host}` });
      expectRefusal(wrong, `REDIS_URL names ${host}: its password or user is wrong: correct`);
      expect(wrong.output).not.toContain(PASSWORD);
      await expect(check(`redis://${host}`, 'HOT_REDIS_URL')).rejects.toThrow(
        `HOT_REDIS_URL names ${host}: it asks for a password`,
      );
      await expect(check(`redis://:the-right-one-of-theirs@${host}`)).resolves.toBeUndefined();
    } finally {
      await redis.close();
    }
  });

  test('and is not there is waited for a while, then refused', async () => {
    const port = await freePort();
    await expect(check(`redis://127.0.0.1:${port}`)).rejects.toThrow(
      `REDIS_URL names 127.0.0.1:${port}: no Redis answers there: start it, or correct the URL`,
    );
  });
});
