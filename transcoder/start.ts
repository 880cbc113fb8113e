/** A transcoder worker, put together: the encoder found on this machine, the slate, and the taking of tasks. */
import { toPipelineError } from '#common/errors';
import type { ServiceContext } from '#common/service';
import { startBeats } from './beats.ts';
import type { TranscoderConfig } from './config.ts';
import { encoderFingerprint, locateProgram } from './ffmpeg/fingerprint.ts';
import { startEarlyWorker } from './early/early-worker.ts';
import { openResults } from './results.ts';
import { openSlate } from './slate.ts';
import type { Encoder } from './transcode.ts';
import { Tally } from './tally.ts';
import { startWorker } from './worker.ts';

/** No segment of one rendition is larger: 40 Mb/s for 2 s with room. */
const MAX_OUTPUT_BYTES = 32 * 1024 * 1024;

/** Starts the service. */
export async function startTranscoder(context: ServiceContext<TranscoderConfig>): Promise<void> {
  const { config, lifecycle, logger, store } = context;
  const { REDIS_URL: url, LOG_LEVEL: logLevel } = config;
  lifecycle.own('beats', startBeats({ url, worker: context.id, logLevel }));
  const limits = {
    wallMs: config.TASK_MAX_SECONDS * 1_000,
    memoryMiB: config.FFMPEG_MEMORY_MIB,
    outputBytes: MAX_OUTPUT_BYTES,
  };
  const program = await locateProgram(config.FFMPEG);
  const encoder: Encoder = { program, arch: process.arch, limits };
  const fingerprint = await encoderFingerprint(program, limits, process.arch);
  logger.info({ program, fingerprint }, 'encoder found');

  let kept: Promise<Uint8Array> | undefined;
  const slate = async (): Promise<Uint8Array> => {
    kept ??= openSlate(store, encoder);
    try {
      return await kept;
    } catch (error) {
      kept = undefined;
      throw error;
    }
  };
  await slate().catch((error: unknown) => {
    logger.warn({ error: toPipelineError(error) }, 'no slate yet');
  });

  const tools = { encoder, fingerprint, slate, tally: new Tally() };
  const results = lifecycle.own('results', openResults(context));
  lifecycle.own('early worker', startEarlyWorker(context, tools, results));
  lifecycle.own('worker', await startWorker(context, tools, results));
  context.setReady(true);
}
