/** Runs ffmpeg on inputs that are at hand and collects what it makes of them. */
import type { Readable } from 'node:stream';
import { PipelineError } from '#common/errors';
import { startFfmpeg } from './process.ts';

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

/**
 * Runs a command and collects its outputs by descriptor.
 * @throws PipelineError as {@link startFfmpeg} and its process do, and `TOO_LARGE`
 */
export async function runFfmpeg(request: RunRequest): Promise<Map<number, Buffer>> {
  const { inputs, outputs, limits } = request;
  const ffmpeg = startFfmpeg({ ...request, inputs: [...inputs.keys()] });
  const collected = outputs.map((fd) =>
    collect(ffmpeg.output(fd), limits.outputBytes, ffmpeg.stop),
  );
  for (const [fd, bytes] of inputs) {
    ffmpeg.input(fd).end(bytes);
  }
  await ffmpeg.done;
  return new Map(outputs.map((fd, i) => [fd, collected[i]?.() ?? Buffer.alloc(0)]));
}

function collect(
  pipe: Readable,
  limit: number,
  onError: (error: PipelineError) => void,
): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  pipe.on('data', (chunk: Buffer) => {
    size += chunk.byteLength;
    if (size > limit) {
      chunks.length = 0;
      onError(new PipelineError('TOO_LARGE', `ffmpeg wrote more than ${limit} bytes`));
      return;
    }
    chunks.push(chunk);
  });
  return () => Buffer.concat(chunks);
}
