import { describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { mp4InputOptions } from '../../transcoder/ffmpeg/options.ts';
import { runFfmpeg, type RunRequest } from '../../transcoder/ffmpeg/run.ts';

const LIMITS = { wallMs: 20_000, memoryMiB: 4_096, outputBytes: 1_000_000 };
const ENDLESS = ['-v', 'error', '-nostdin', '-f', 'lavfi', '-i', 'anullsrc', '-f', 's16le'];

const request = (more: Partial<RunRequest>): RunRequest => ({
  program: 'ffmpeg',
  args: [],
  inputs: new Map(),
  outputs: [3],
  limits: LIMITS,
  ...more,
});

/** Runs a shell line in ffmpeg's box. */
const shell = (line: string, more: Partial<RunRequest> = {}): Promise<Map<number, Buffer>> =>
  runFfmpeg(request({ program: '/bin/sh', args: ['-c', line], ...more }));

describe('ffmpeg in its box', () => {
  test('sees no variable of ours, a low priority and an empty folder', async () => {
    // The priority is lowered from outside, a moment after the start.
    const lowered = 'until [ "$(nice)" = 10 ]; do :; done';
    const outputs = await shell(`${lowered}; env >&3; nice >&3; echo "in: $(ls -A)" >&3`);
    const said = outputs.get(3)?.toString('utf8') ?? '';
    expect(said).not.toMatch(/NODE_OPTIONS|HOME=|REDIS/);
    expect(said).toMatch(/^10$/m);
    expect(said).toMatch(/^in: $/m);
  });

  test('nothing is left of it when its worker is killed: its folder is gone while it runs, and it can make nothing there', async () => {
    const outputs = await shell('(: >made) 2>&3; echo "made: $?" >&3; ls -l /proc/$$/cwd >&3');
    const said = outputs.get(3)?.toString('utf8') ?? '';
    expect(said).toMatch(/^made: [1-9]/m);
    if (process.platform === 'linux') {
      const folder = /(touchline-ffmpeg-\w+) \(deleted\)/.exec(said)?.[1] ?? '';
      expect(folder).not.toBe('');
      expect(existsSync(path.join(tmpdir(), folder))).toBe(false);
    }
  });

  test('is stopped by its signal', async () => {
    const controller = new AbortController();
    const run = runFfmpeg(
      request({
        args: [...ENDLESS, '-y', '/dev/null'],
        signal: controller.signal,
      }),
    );
    setTimeout(() => {
      controller.abort();
    }, 50);
    await expect(run).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('is killed when it ignores SIGTERM and its time is over', async () => {
    const line = 'trap "" TERM; while :; do sleep 0.05; done';
    const run = shell(line, { limits: { ...LIMITS, wallMs: 100 } });
    await expect(run).rejects.toMatchObject({ code: 'TIMEOUT' });
  });

  test('is stopped when it writes ten times what it may', async () => {
    const run = runFfmpeg(
      request({ args: [...ENDLESS, 'pipe:3'], limits: { ...LIMITS, outputBytes: 100_000 } }),
    );
    await expect(run).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });

  test('gets no more memory than it may', async () => {
    const line = `awk 'BEGIN { s = "x"; while (length(s) < 500000000) s = s s }'`;
    const run = shell(line, { limits: { ...LIMITS, memoryMiB: 64 } });
    if (process.platform === 'linux') {
      await expect(run).rejects.toMatchObject({ code: 'ENCODER_FAILED' });
    }
  });

  test('says why it failed, in few words', async () => {
    const run = shell('yes "no good" | head -c 100000 >&2; exit 3');
    await expect(run).rejects.toMatchObject({
      code: 'ENCODER_FAILED',
      message: expect.stringMatching(/ended with 3: .*no good$/),
    });
    await run.catch((error: Error) => {
      expect(error.message.length).toBeLessThan(10_000);
    });
  });

  test('hanging up on its input is no failure', async () => {
    const inputs = new Map([[0, Buffer.alloc(8_000_000)]]);
    const outputs = await shell('head -c 10 >&3', { inputs });
    expect(outputs.get(3)?.byteLength).toBe(10);
  });

  test('opens nothing that its input names', async () => {
    const playlist = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile:///etc/passwd\n';
    const run = runFfmpeg(
      request({
        args: [...mp4InputOptions('h264'), '-i', 'pipe:0', '-c', 'copy', '-f', 'mpegts', 'pipe:3'],
        inputs: new Map([[0, Buffer.from(playlist)]]),
      }),
    );
    await expect(run).rejects.toMatchObject({ code: 'ENCODER_FAILED' });
  });
});
