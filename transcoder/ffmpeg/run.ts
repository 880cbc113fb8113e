/** Runs ffmpeg in a box: nothing but pipes, nothing of our environment, bounded time, memory, output and talk. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { PipelineError, systemCodeOf } from '#common/errors';

/** What a run is allowed. */
export interface RunLimits {
  /** Real milliseconds until it is killed. */
  readonly wallMs: number;
  /** Address space, MiB. */
  readonly memoryMiB: number;
  /** Largest output of one descriptor, bytes. */
  readonly outputBytes: number;
}

/** One run. */
export interface RunRequest {
  readonly program: string;
  readonly args: readonly string[];
  /** Bytes by input descriptor. */
  readonly inputs: ReadonlyMap<number, Uint8Array>;
  /** Descriptors to read. */
  readonly outputs: readonly number[];
  readonly limits: RunLimits;
  readonly signal?: AbortSignal | undefined;
}

/** Kept of what ffmpeg says, for the error. */
const STDERR_BYTES = 4_096;
/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 500;

/**
 * All that ffmpeg finds in its environment. It lives for one segment only, and the kernel giving it memory by pages of
 * 4 KiB was a twentieth of its CPU: glibc from 2.35 on asks for 2 MiB at a time, others ignore it.
 */
const ENVIRONMENT = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };

/**
 * Limits on address space, on files (it writes to pipes only) and on core dumps, which hostile media could make as
 * large as its memory. macOS has no limit on address space; there the wall clock and the size of outputs remain.
 */
const BOX = 'ulimit -c 0; ulimit -f 0; ulimit -v "$1" 2>/dev/null; shift; exec "$@"';

/**
 * Runs a command and collects its outputs by descriptor.
 * @throws PipelineError `ENCODER_FAILED` with the end of what ffmpeg said, `TIMEOUT`, `ABORTED`, `TOO_LARGE`
 */
export async function runFfmpeg(request: RunRequest): Promise<Map<number, Buffer>> {
  if (request.signal?.aborted === true) {
    throw new PipelineError('ABORTED', 'ffmpeg was not started');
  }
  const folder = await mkdtemp(join(tmpdir(), 'touchline-ffmpeg-'));
  try {
    return await runIn(folder, request);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runIn(folder: string, request: RunRequest): Promise<Map<number, Buffer>> {
  const { inputs, outputs, limits, signal } = request;
  const highest = Math.max(2, ...inputs.keys(), ...outputs);
  const stdio = Array.from({ length: highest + 1 }, (_, fd) =>
    fd === 2 || inputs.has(fd) || outputs.includes(fd) ? ('pipe' as const) : ('ignore' as const),
  );
  const child = spawn(
    '/bin/sh',
    ['-c', BOX, 'sh', String(limits.memoryMiB * 1024), request.program, ...request.args],
    { cwd: folder, env: ENVIRONMENT, stdio },
  );
  lowerPriority(child);
  let failure: PipelineError | undefined;
  const stop = (error: PipelineError): void => {
    failure ??= error;
    terminate(child);
  };
  const timer = setTimeout(() => {
    stop(new PipelineError('TIMEOUT', `ffmpeg took longer than ${limits.wallMs} ms`));
  }, limits.wallMs);
  const onAbort = (): void => {
    stop(new PipelineError('ABORTED', 'ffmpeg was stopped'));
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const said = tailOf(child.stdio[2]);
    const collected = outputs.map((fd) =>
      collect(child.stdio[fd], limits.outputBytes, (error) => {
        stop(error);
      }),
    );
    for (const [fd, bytes] of inputs) {
      feed(child.stdio[fd], bytes);
    }
    const status = await closed(child);
    const buffers = collected.map((done) => done());
    if (failure !== undefined) {
      throw failure;
    }
    if (status !== 0) {
      throw new PipelineError('ENCODER_FAILED', `ffmpeg ended with ${status}: ${said()}`);
    }
    return new Map(outputs.map((fd, i) => [fd, buffers[i] ?? Buffer.alloc(0)]));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** An encoder must never slow the services beside it. */
function lowerPriority(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) {
      setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    }
  } catch {
    // It has already ended; its exit tells.
  }
}

function terminate(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  child.once('exit', () => {
    clearTimeout(kill);
  });
}

const closed = (child: ChildProcess): Promise<number | string> =>
  new Promise((resolve, reject) => {
    child.once('error', (error) => {
      reject(new PipelineError('ENCODER_FAILED', 'ffmpeg does not start', { cause: error }));
    });
    child.once('close', (code, signal) => {
      resolve(code ?? signal ?? 'unknown');
    });
  });

type Pipe = Readable | Writable | null | undefined;

/** Writes an input; ffmpeg hangs up as soon as it has what it needs. */
function feed(pipe: Pipe, bytes: Uint8Array): void {
  if (!(pipe instanceof Writable)) {
    return;
  }
  pipe.on('error', (error) => {
    if (!['EPIPE', 'ECONNRESET'].includes(systemCodeOf(error))) {
      pipe.destroy();
    }
  });
  pipe.end(bytes);
}

function collect(pipe: Pipe, limit: number, onError: (error: PipelineError) => void): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  if (pipe instanceof Readable) {
    pipe.on('data', (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > limit) {
        chunks.length = 0;
        onError(new PipelineError('TOO_LARGE', `ffmpeg wrote more than ${limit} bytes`));
        return;
      }
      chunks.push(chunk);
    });
    pipe.on('error', () => {
      pipe.destroy();
    });
  }
  return () => Buffer.concat(chunks);
}

function tailOf(pipe: Pipe): () => string {
  let tail = '';
  if (pipe instanceof Readable) {
    pipe.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('utf8')).slice(-STDERR_BYTES);
    });
  }
  return () => tail.trim().replaceAll(/\s*\n\s*/g, ' | ');
}
