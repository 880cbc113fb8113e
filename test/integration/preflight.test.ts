/** A machine that lacks something, or has too old a one: what the preflight says, and its exit code. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { whereIs } from '../../scripts/programs.mjs';
import { ROOT, testWith } from '../helpers/needs.ts';
import { runSupervisorProgram, type SupervisorEnd } from '../helpers/supervisor-run.ts';

let bin: string;

beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), 'touchline-preflight-'));
});
afterEach(() => {
  rmSync(bin, { recursive: true });
});

const real = (program: string): void => {
  symlinkSync(whereIs(program) ?? program, join(bin, program));
};

/** A program that prints what this machine's would. */
function standIn(program: string, script: string): void {
  writeFileSync(join(bin, program), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, program), 0o755);
}

/** The preflight on a machine that has only what is in the folder. */
const preflight = (env: Record<string, string> = {}): Promise<SupervisorEnd> =>
  runSupervisorProgram({ script: 'scripts/preflight.mjs', env: { PATH: bin, ...env } });

const withoutX264 = (ffmpeg: string): string =>
  `if [ "$2" = -encoders ]; then ${ffmpeg} "$@" | grep -v 264; else exec ${ffmpeg} "$@"; fi`.replace(
    'grep',
    '/bin/grep',
  );

describe('the preflight', () => {
  test('names what an ffmpeg without libx264 lacks, where it is and what to do', async () => {
    standIn('ffmpeg', withoutX264(whereIs('ffmpeg') ?? ''));
    real('ffprobe');
    real('redis-server');
    const { code, output } = await preflight();
    expect(code).toBe(3);
    expect(output).toBe(
      [
        `ffmpeg: lacks encoder libx264 (${join(bin, 'ffmpeg')})`,
        'Install what is missing with:',
        "  install ffmpeg with your system's package manager",
        '',
      ].join('\n'),
    );
    const right = await preflight({ FFMPEG: whereIs('ffmpeg') ?? '' });
    expect(right).toEqual({ code: 0, output: '' });
  });

  testWith(
    ROOT,
    'installs it, and says which one is in the way if that changes nothing',
    async () => {
      standIn('ffmpeg', withoutX264(whereIs('ffmpeg') ?? ''));
      real('ffprobe');
      real('redis-server');
      standIn('env', 'shift; exec "$@"');
      standIn('apt-get', `echo "$@" >> ${join(bin, 'calls')}`);
      const { code, output } = await preflight();
      expect(code).toBe(3);
      expect(readFileSync(join(bin, 'calls'), 'utf8')).toContain(
        'install -y --no-install-recommends ffmpeg',
      );
      expect(output).toContain(
        `What was installed is not what runs: ${join(bin, 'ffmpeg')} comes first.`,
      );
    },
  );

  testWith(
    ROOT,
    'shows one line for each step of the set-up, and the end of the log of one that fails (as root)',
    async () => {
      standIn('ffmpeg', withoutX264(whereIs('ffmpeg') ?? ''));
      real('ffprobe');
      real('redis-server');
      standIn('env', 'shift; exec "$@"');
      const chatter = 'i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo "Unpacking $i"; done';
      standIn('apt-get', `${chatter}; [ "$1" != install ] || exit 100`);
      const { code, output } = await preflight();
      const lines = output.split('\n');
      expect(code).toBe(3);
      expect(lines.slice(0, 4)).toEqual([
        'Reading package lists …',
        expect.stringMatching(/^Reading package lists: done in \d+ s$/),
        'Installing ffmpeg …',
        'Installing ffmpeg: failed (exit 100)',
      ]);
      const shown = lines.filter((line) => line.startsWith('Unpacking'));
      expect(shown).toHaveLength(40);
      expect(shown.at(-1)).toBe('Unpacking 300');
      expect(output).toMatch(/^All that was printed is in .*setup\.log$/m);
    },
  );

  test('names a Redis that is too old, and one that is not there', async () => {
    real('ffmpeg');
    real('ffprobe');
    standIn('redis-server', 'echo "Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1"');
    const old = await preflight();
    expect(old.code).toBe(3);
    expect(old.output).toContain(
      `redis-server: version 6.0.16 is too old, needs 6.2 or newer (${join(bin, 'redis-server')})`,
    );
    rmSync(join(bin, 'redis-server'));
    const absent = await preflight();
    expect(absent.code).toBe(3);
    expect(absent.output).toMatch(/^redis-server: not found\nInstall what is missing with:\n/);
  });

  test.each(['start', 'test', 'doctor', 'preflight', 'build'])(
    'ends npm run %s on an old Node with one sentence',
    async (script) => {
      const fake = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } })`;
      const { code, output } = await runSupervisorProgram({
        script: `scripts/${script}.mjs`,
        nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(fake)}`],
        env: {},
      });
      expect({ code, output }).toEqual({
        code: 3,
        output:
          'Touchline needs Node 20.19 to 24; this is 18.20.4. Get one at https://nodejs.org/en/download\n',
      });
    },
  );
});
