/**
 * A real S3 server of a test's own: Ceph's radosgw over one monitor and one object storage daemon that keeps
 * everything in memory. Free ports, own folder, every process a child of this one, gone with `close`.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runOk } from './child.ts';
import type { Need } from './needs.ts';
import { eventually } from './poll.ts';
import { freePort } from './redis-server.ts';

/** A running server, and who may use it. */
export interface Radosgw {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** A user who may read and write what is shared with them, and make no bucket. */
  readonly guest: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Runs one pass of the lifecycle, in which a day counts as a second. */
  readonly runLifecycle: () => Promise<void>;
  readonly close: () => Promise<void>;
}

const OWNER = { accessKeyId: 'touchline-owner', secretAccessKey: 'owner-secret-0123456789' };
const GUEST = { accessKeyId: 'touchline-guest', secretAccessKey: 'guest-secret-0123456789' };
const MEMORY_BYTES = 2 * 1024 ** 3;
const START_MS = 60_000;

/** The programs, which are packaged for Linux only. */
export const RADOSGW: Need = {
  name: 'radosgw',
  isMet: spawnSync('radosgw', ['--version']).error === undefined,
};

/** Starts it and resolves once it answers. */
export async function startRadosgw(): Promise<Radosgw> {
  const folder = await mkdtemp(join(tmpdir(), 'touchline-s3-'));
  const children: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    for (const child of children.toReversed()) {
      await end(child);
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return { ...(await start(folder, children)), close };
  } catch (error) {
    const log = await readFile(join(folder, 'radosgw.out'), 'utf8').catch(() => '');
    await close();
    throw new Error(`radosgw did not start\n${log.slice(-2000)}`, { cause: error });
  }
}

async function start(folder: string, children: ChildProcess[]): Promise<Omit<Radosgw, 'close'>> {
  const [v2, v1, port] = await Promise.all([freePort(), freePort(), freePort()]);
  const monitor = `[v2:127.0.0.1:${v2},v1:127.0.0.1:${v1}]`;
  const ids = { fsid: randomUUID(), osd: randomUUID() };
  const file = (name: string): string => join(folder, name);
  const ceph = ['-c', file('ceph.conf')];
  for (const name of ['mon', 'osd', 'rgw', 'run']) {
    await mkdir(file(name));
  }
  await writeFile(file('ceph.conf'), configuration(folder, ids.fsid, monitor, port));
  await makeKeyring(file('keyring'));
  const place = ['--fsid', ids.fsid, file('monmap')];
  await runOk('monmaptool', ['--create', '--addv', 'a', monitor, ...place]);
  const mon = ['-i', 'a', '--mon-data', file('mon')];
  await runOk('ceph-mon', [
    ...ceph,
    ...['--mkfs', ...mon, '--monmap', file('monmap'), '--keyring', file('keyring')],
  ]);
  const daemon = (program: string, ...args: string[]): void => {
    children.push(spawnDaemon(program, [...ceph, '-f', ...args], file(`${program}.out`)));
  };
  daemon('ceph-mon', ...mon);
  const osd = ['-i', '0', '--osd-data', file('osd'), '--osd-uuid', ids.osd];
  await Promise.all([
    runOk('ceph', [...ceph, 'osd', 'new', ids.osd, '0'], { timeoutMs: START_MS }),
    runOk('ceph-osd', [...ceph, ...osd, '--mkfs', '--monmap', file('monmap')]),
  ]);
  daemon('ceph-osd', ...osd);
  await admin(ceph, 'user', 'create', ...userOptions('owner', OWNER));
  await admin(ceph, 'user', 'create', ...userOptions('guest', GUEST), '--max-buckets=-1');
  daemon('radosgw', '-n', 'client.rgw');
  const endpoint = `http://127.0.0.1:${port}`;
  await eventually('radosgw', async () => ((await fetch(endpoint)).ok ? true : undefined), {
    timeoutMs: START_MS,
  });
  const runLifecycle = (): Promise<void> => admin(ceph, 'lc', 'process');
  return { endpoint, ...OWNER, guest: GUEST, runLifecycle };
}

const userOptions = (uid: string, keys: typeof OWNER): string[] => [
  ...[`--uid=${uid}`, `--display-name=${uid}`],
  ...[`--access-key=${keys.accessKeyId}`, `--secret=${keys.secretAccessKey}`],
];

async function admin(ceph: readonly string[], ...args: readonly string[]): Promise<void> {
  await runOk('radosgw-admin', [...ceph, '-n', 'client.rgw', ...args], { timeoutMs: START_MS });
}

/** One copy of everything, small pools, no authority but our keyring, nothing outside of the folder. */
const configuration = (folder: string, fsid: string, monitor: string, port: number): string => `
[global]
fsid = ${fsid}
mon host = ${monitor}
public network = 127.0.0.0/8
keyring = ${folder}/keyring
run dir = ${folder}/run
admin socket =
log to file = false
log to stderr = true
err to stderr = true
mon cluster log to file = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
osd objectstore = memstore
memstore device bytes = ${MEMORY_BYTES}
osd class load list = *
osd class default list = *
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw data = ${folder}/rgw
rgw enable usage log = false
rgw thread pool size = 64
rgw lc debug interval = 1
`;

async function makeKeyring(path: string): Promise<void> {
  const keys: readonly (readonly [string, ...string[]])[] = [
    ['mon.', '--cap', 'mon', 'allow *'],
    [
      'client.admin',
      '--cap',
      'mon',
      'allow *',
      '--cap',
      'osd',
      'allow *',
      '--cap',
      'mgr',
      'allow *',
    ],
    ['client.rgw', '--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *'],
    ['osd.0', '--cap', 'mon', 'allow profile osd', '--cap', 'osd', 'allow *'],
  ];
  for (const [index, [name, ...caps]] of keys.entries()) {
    const create = index === 0 ? ['--create-keyring'] : [];
    await runOk('ceph-authtool', [path, ...create, '--gen-key', '-n', name, ...caps]);
  }
}

/** A daemon in the foreground that the kernel ends when this process is gone, however it went. */
function spawnDaemon(program: string, args: readonly string[], log: string): ChildProcess {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const file = createWriteStream(log);
  child.stdout.pipe(file, { end: false });
  child.stderr.pipe(file, { end: false });
  return child;
}

/** Nothing of it is kept, so nothing needs an orderly end. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}
