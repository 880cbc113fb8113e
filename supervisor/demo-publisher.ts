/** `--demo`: renders the match once, then publishes it through RTMP like anybody else's encoder. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineError } from '#common/errors';
import type { Closable } from '#common/lifecycle';
import { clipPath } from '#common/contracts/demo-clip';
import { killGroup, superviseChild, type ChildHost } from './child.ts';
import { spawnGuarded } from './guardian.ts';
import { eachLine } from './lines.ts';

/** Where and how to run it. */
export interface DemoOptions {
  readonly dataDir: string;
  /** The folder of the built program. */
  readonly programs: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A rendering under way. */
export interface DemoRender extends Closable {
  /** The finished clip; rejects with `INTERNAL` when it cannot be made. */
  readonly clip: Promise<string>;
  readonly isDone: () => boolean;
}

/** Renders the clip unless it is there. */
export function renderDemo(options: DemoOptions, host: ChildHost): DemoRender {
  const path = clipPath(options.dataDir);
  if (existsSync(path)) {
    return { clip: Promise.resolve(path), isDone: () => true, close: () => Promise.resolve() };
  }
  const child = spawnGuarded({
    program: process.execPath,
    args: [join(options.programs, 'demo', 'main.js')],
    env: { ...options.env, DATA_DIR: options.dataDir },
  });
  const { pid } = child;
  if (pid !== undefined) {
    host.onStart(pid);
  }
  for (const stream of [child.stdout, child.stderr]) {
    eachLine(stream, (line) => {
      host.onLine('demo', line);
    });
  }
  const ended = new Promise<void>((settle) => {
    child.once('error', () => {
      settle();
    });
    child.once('exit', () => {
      settle();
    });
  });
  const clip = ended.then(() => {
    if (pid !== undefined) {
      killGroup(pid);
      host.onEnd(pid);
    }
    if (!existsSync(path)) {
      throw new PipelineError('INTERNAL', 'the demo could not be rendered; logs/demo.log says why');
    }
    return path;
  });
  // Met where the clip is awaited; until then, and when it is stopped, a failure must not count as unhandled.
  clip.catch(() => undefined);
  return {
    clip,
    isDone: () => child.exitCode !== null,
    close: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Where the demo is published to. */
export interface DemoTarget {
  /** `rtmp://<host>:<port>/<application>` */
  readonly server: string;
  readonly streamKey: string;
}

/** Publishes a clip for ever. ffmpeg reads the stream key from a file: a command line can be read by every user. */
export function publishDemo(
  clip: string,
  { server, streamKey }: DemoTarget,
  { dataDir, env }: Pick<DemoOptions, 'dataDir' | 'env'>,
  host: ChildHost,
): Closable {
  const preset = join(dataDir, 'demo', 'publisher.ffpreset');
  // The mode is of a new file only.
  rmSync(preset, { force: true });
  writeFileSync(preset, `rtmp_playpath=${streamKey}\n`, { mode: 0o600 });
  const input = ['-re', '-stream_loop', '-1', '-i', clip];
  const output = ['-c', 'copy', '-f', 'flv', '-flvflags', 'no_duration_filesize'];
  return superviseChild(
    {
      name: 'demo-publisher',
      launch: () =>
        spawnGuarded({
          program: 'ffmpeg',
          args: [
            ...['-hide_banner', '-nostdin', '-v', 'error'],
            ...[...input, ...output, '-fpre', preset, server],
          ],
          env,
        }),
    },
    host,
  );
}
