/** An ffmpeg in a box: nothing but pipes, nothing of our environment, bounded time, memory and talk. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants as files, mkdtempSync, openSync, rmSync, unlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket, type ConnectOpts, type SocketConstructorOpts } from 'node:net';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { PipelineError, systemCodeOf } from '#common/errors';

/** What a process is allowed. */
export interface ProcessLimits {
  /** Real milliseconds until it is killed; undefined: it lives until it is stopped or its input ends. */
  readonly wallMs: number | undefined;
  /** Address space, MiB. */
  readonly memoryMiB: number;
}

/** Memory that an output is read into, instead of a buffer of its own for each piece. */
export interface ReadInto {
  /** Where the next bytes go: never nothing. */
  readonly space: () => Uint8Array;
  /** So many bytes have come there. */
  readonly taken: (bytes: number) => void;
}

/** What to start. */
export interface ProcessRequest {
  readonly program: string;
  readonly args: readonly string[];
  /** Descriptors that it reads. */
  readonly inputs: readonly number[];
  /** Descriptors that it writes; 2 is kept for errors. */
  readonly outputs: readonly number[];
  /** Further descriptors that it writes, read into the caller's memory: for what is too much for streams. */
  readonly readInto?: ReadonlyMap<number, ReadInto>;
  readonly limits: ProcessLimits;
  /** Viewers wait for each of its frames: it is not to stand back behind anybody. */
  readonly isOnTime?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A process under way. */
export interface FfmpegProcess {
  /** Where it reads that descriptor. A write after it has hung up is lost without an error: its end tells. */
  readonly input: (descriptor: number) => Writable;
  /** What it writes to that descriptor; of one that is read into memory only whether it flows. */
  readonly output: (descriptor: number) => Readable;
  /** From now on it has so many real milliseconds until it is killed; for one that was started without such a limit. */
  readonly limitTime: (wallMs: number) => void;
  /** From now on it stands back behind all that is on time. */
  readonly standBack: () => void;
  /** Ends it; `done` rejects with this error, or the first one that it was given. */
  readonly stop: (error: PipelineError) => void;
  /**
   * Resolves once it has ended well and all its outputs are read.
   * @throws PipelineError `ENCODER_FAILED` with the end of what ffmpeg said, `TIMEOUT`, `ABORTED`, and what it was stopped with
   */
  readonly done: Promise<void>;
}

/** Kept of what ffmpeg says, for the error. */
const STDERR_BYTES = 4_096;
/**
 * Niceness of what viewers wait for: hardly behind the services, and yet counted by the kernel as what has a lowered priority, for
 * what workers carry is no load by other programs (`host-load.ts`).
 */
const ON_TIME = 1;
/** What makes a segment when it is over has seconds: it must never slow the services beside it. */
const STANDS_BACK = constants.priority.PRIORITY_BELOW_NORMAL;

/**
 * All that ffmpeg finds in its environment. It lives for one segment only, and the kernel giving it memory by pages of
 * 4 KiB was a twentieth of its CPU: glibc from 2.35 on asks for 2 MiB at a time, others ignore it.
 */
const ENVIRONMENT = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };

/**
 * Limits on address space, on files (it writes to pipes only) and on core dumps, which hostile media could make as
 * large as its memory. macOS has no limit on address space; there the wall clock and the size of outputs remain.
 * It works in an empty folder that is already gone: nothing can be made in it, and a worker that is killed leaves nothing behind.
 */
const BOX =
  'cd "$1" && rmdir "$1" || exit 126; ulimit -c 0; ulimit -f 0; ulimit -v "$2" 2>/dev/null; shift 2; exec "$@"';

/**
 * Starts ffmpeg.
 * @throws PipelineError `ABORTED` when the signal already is
 */
export function startFfmpeg(request: ProcessRequest): FfmpegProcess {
  const { inputs, outputs, readInto = new Map<number, ReadInto>(), limits, signal } = request;
  if (signal?.aborted === true) {
    throw new PipelineError('ABORTED', 'ffmpeg was not started');
  }
  const folder = mkdtempSync(join(tmpdir(), 'touchline-ffmpeg-'));
  const highest = Math.max(2, ...inputs, ...outputs, ...readInto.keys());
  const pipes = new Map([...readInto].map(([fd, into]) => [fd, openPipe(folder, fd, into)]));
  const stdio = Array.from({ length: highest + 1 }, (_, fd) =>
    fd === 2 || inputs.includes(fd) || outputs.includes(fd)
      ? ('pipe' as const)
      : (pipes.get(fd)?.writeEnd ?? ('ignore' as const)),
  );
  const child = spawn(
    '/bin/sh',
    ['-c', BOX, 'sh', folder, String(limits.memoryMiB * 1024), request.program, ...request.args],
    { env: ENVIRONMENT, stdio },
  );
  for (const { writeEnd } of pipes.values()) {
    closeSync(writeEnd);
  }
  const sockets = [...pipes.values()].map(({ socket }) => socket);
  lowerPriority(child, request.isOnTime === true ? ON_TIME : STANDS_BACK);
  let failure: PipelineError | undefined;
  const stop = (error: PipelineError): void => {
    failure ??= error;
    terminate(child);
    // Nobody may be reading on.
    for (const socket of sockets) {
      socket.destroy();
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const limitTime = (wallMs: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stop(new PipelineError('TIMEOUT', `ffmpeg took longer than ${wallMs} ms`));
    }, wallMs);
  };
  if (limits.wallMs !== undefined) {
    limitTime(limits.wallMs);
  }
  const onAbort = (): void => {
    stop(new PipelineError('ABORTED', 'ffmpeg was stopped'));
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  const said = tailOf(child.stdio[2]);
  for (const fd of inputs) {
    tolerateHangUp(child.stdio[fd]);
  }
  for (const fd of outputs) {
    endOnError(child.stdio[fd]);
  }
  const run = async (): Promise<void> => {
    try {
      const [status] = await Promise.all([closed(child), ...sockets.map(closedSocket)]);
      if (failure !== undefined) {
        throw failure;
      }
      if (status !== 0) {
        throw new PipelineError('ENCODER_FAILED', `ffmpeg ended with ${status}: ${said()}`);
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      await rm(folder, { recursive: true, force: true });
    }
  };
  const done = run();
  return {
    input: (descriptor) => {
      const pipe = child.stdio[descriptor];
      if (!(pipe instanceof Writable) || !inputs.includes(descriptor)) {
        throw new RangeError(`descriptor ${descriptor} is no input`);
      }
      return pipe;
    },
    output: (descriptor) => {
      const pipe = pipes.get(descriptor)?.socket ?? child.stdio[descriptor];
      if (!(pipe instanceof Readable) || !(outputs.includes(descriptor) || pipes.has(descriptor))) {
        throw new RangeError(`descriptor ${descriptor} is no output`);
      }
      return pipe;
    },
    limitTime,
    standBack: () => {
      lowerPriority(child, STANDS_BACK);
    },
    stop,
    done,
  };
}

/**
 * A pipe whose reading end puts what comes where it is wanted. Node makes pipes of its own for a child, but their streams
 * have a new buffer for each 64 KiB.
 * @throws PipelineError `ENCODER_FAILED`
 */
function openPipe(
  folder: string,
  descriptor: number,
  into: ReadInto,
): { readonly socket: Socket; readonly writeEnd: number } {
  const path = join(folder, String(descriptor));
  try {
    execFileSync('mkfifo', ['-m', '600', path]);
    const readEnd = openSync(path, files.O_RDONLY | files.O_NONBLOCK);
    const writeEnd = openSync(path, files.O_WRONLY);
    unlinkSync(path);
    const options: SocketConstructorOpts & Pick<ConnectOpts, 'onread'> = {
      fd: readEnd,
      readable: true,
      writable: false,
      onread: {
        buffer: () => into.space(),
        callback: (bytes) => {
          into.taken(bytes);
          return true;
        },
      },
    };
    const socket = new Socket(options);
    endOnError(socket);
    socket.resume();
    return { socket, writeEnd };
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw new PipelineError('ENCODER_FAILED', 'no pipe could be made for ffmpeg', { cause });
  }
}

const closedSocket = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });

function lowerPriority(child: ChildProcess, niceness: number): void {
  try {
    if (child.pid !== undefined) {
      setPriority(child.pid, niceness);
    }
  } catch {
    // It has already ended; its exit tells.
  }
}

/** At once: it has nothing to put in order, and one that waits for its input does not hear of SIGTERM before some comes. */
function terminate(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
  }
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

/** ffmpeg hangs up as soon as it has what it needs. */
function tolerateHangUp(pipe: Pipe): void {
  pipe?.on('error', (error: unknown) => {
    if (!['EPIPE', 'ECONNRESET'].includes(systemCodeOf(error))) {
      pipe.destroy();
    }
  });
}

function endOnError(pipe: Pipe): void {
  pipe?.on('error', () => {
    pipe.destroy();
  });
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
