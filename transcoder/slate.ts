/**
 * The slate: what viewers see once a gap has outlasted the held frame. Coded once, by the first worker that needs
 * it, and kept in the store; from then on it is a session's start point like any other.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { storeKeys } from '../common/contracts/names.ts';
import { PipelineError } from '../common/errors.ts';
import type { Logger } from '../common/logger.ts';
import type { ObjectStore } from '../common/store/store.ts';
import { composeArguments } from './ffmpeg/compose.ts';
import { GLOBAL_OPTIONS } from './ffmpeg/options.ts';
import { runFfmpeg } from './ffmpeg/run.ts';
import type { Encoder } from './transcode.ts';

const slateSchema = z.strictObject({
  /** One IDR picture with its parameter sets: NAL units with 4-byte lengths. */
  data: z.base64(),
  sha256: z.string(),
});

const OUTPUT = 3;
/** U+00A0: arguments are never split at it. */
const TEXT = 'We will be right back'.replaceAll(' ', '\u00A0');
const GROUND =
  'gradients=size=1280x720:c0=0x0b1f2a:c1=0x12394a:x0=0:y0=0:x1=1280:y1=720:nb_colors=2:speed=0.00001:rate=1';
const RULE = 'drawbox=x=560:y=420:w=160:h=4:color=0x3ddc97:t=fill';
const LETTERING = `drawtext=text='${TEXT}':fontsize=56:fontcolor=0xf2f6f8:x=(w-tw)/2:y=330`;

/** The slate's coded picture: read from the store, or made and put there; whoever puts first wins. */
export async function loadSlate(
  store: ObjectStore,
  encoder: Encoder,
  logger: Logger,
): Promise<Buffer> {
  const kept = await store.get(storeKeys.slate);
  if (kept !== undefined) {
    return parse(kept);
  }
  const data = await makeSlate(encoder, logger);
  const sha256 = createHash('sha256').update(data).digest('hex');
  const body = JSON.stringify({ data: data.toString('base64'), sha256 });
  await store.put(storeKeys.slate, Buffer.from(body), {
    ifAbsent: true,
    contentType: 'application/json',
  });
  const winner = await store.get(storeKeys.slate);
  if (winner === undefined) {
    throw new PipelineError('STORE_FAILED', 'the slate was written and cannot be read');
  }
  return parse(winner);
}

function parse(body: Buffer): Buffer {
  const slate = slateSchema.parse(JSON.parse(body.toString('utf8')));
  const data = Buffer.from(slate.data, 'base64');
  if (createHash('sha256').update(data).digest('hex') !== slate.sha256) {
    throw new PipelineError(
      'BAD_MEDIA',
      `the slate in the store is damaged: delete ${storeKeys.slate}`,
    );
  }
  return data;
}

async function makeSlate(encoder: Encoder, logger: Logger): Promise<Buffer> {
  try {
    return await encode(encoder, [GROUND, RULE, LETTERING].join(','));
  } catch (error) {
    logger.warn({ error }, 'slate made without lettering: ffmpeg has no font');
    return encode(encoder, 'color=c=0x0b1f2a:size=1280x720:rate=1');
  }
}

async function encode(encoder: Encoder, graph: string): Promise<Buffer> {
  const options = ['-map', '[out]', '-frames:v', '1', '-c:v', 'libx264', '-threads', '1'];
  const args = composeArguments({
    global: GLOBAL_OPTIONS,
    inputs: [],
    graph: `${graph},format=yuv420p[out]`,
    outputs: [{ target: `pipe:${OUTPUT}`, options: [...options, '-crf', '16', '-f', 'h264'] }],
  });
  const outputs = await runFfmpeg({
    program: encoder.program,
    args,
    inputs: new Map(),
    outputs: [OUTPUT],
    limits: encoder.limits,
  });
  return lengthPrefixed(outputs.get(OUTPUT) ?? Buffer.alloc(0));
}

/** An Annex B byte stream (H.264 annex B) as NAL units with 4-byte lengths. */
function lengthPrefixed(stream: Buffer): Buffer {
  const starts: number[] = [];
  for (let at = stream.indexOf('000001', 0, 'hex'); at !== -1;) {
    starts.push(at + 3);
    at = stream.indexOf('000001', at + 3, 'hex');
  }
  const parts = starts.flatMap((start, i) => {
    let end = (starts[i + 1] ?? stream.byteLength + 3) - 3;
    while (end > start && stream[end - 1] === 0) {
      end -= 1;
    }
    const length = Buffer.alloc(4);
    length.writeUInt32BE(end - start);
    return [length, stream.subarray(start, end)];
  });
  if (parts.length === 0) {
    throw new PipelineError('ENCODER_FAILED', 'the slate has no NAL units');
  }
  return Buffer.concat(parts);
}
