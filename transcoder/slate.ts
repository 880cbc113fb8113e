/** The slate: the picture shown when a feed has been gone for a while. Coded once, then kept in the store. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { NAL, nalType } from '#common/codec/h264/nal-units';
import { storeKeys } from '#common/contracts/names';
import { PipelineError } from '#common/errors';
import type { ObjectStore } from '#common/store/store';
import { composeArguments } from './ffmpeg/compose.ts';
import { globalOptions } from './ffmpeg/options.ts';
import { runFfmpeg } from './ffmpeg/run.ts';
import type { Encoder } from './transcode.ts';

/** `slate/slate.json`: NAL units without lengths, base64; SHA-256 (hex) of the coded sample. */
const slateSchema = z.strictObject({
  sps: z.base64(),
  pps: z.base64(),
  data: z.base64(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
type Slate = z.infer<typeof slateSchema>;

/** A no-break space: an argument with a plain one would be split. */
const TEXT = 'We will be right back'.replaceAll(' ', '\u{a0}');
const BACKGROUND = 'color=c=0x10202c:s=1280x720:r=1,trim=end_frame=1';
const LINE = 'drawbox=x=440:y=410:w=400:h=3:color=0x4fb3a5:t=fill';
const WORDS = `drawtext=text=${TEXT}:fontcolor=0xe8eef2:fontsize=52:x=(w-text_w)/2:y=332`;

/**
 * The slate as one coded sample, parameter sets in-band. The first worker makes it and all others use that one, so
 * that it is the same bytes on every machine whatever fonts it has.
 */
export async function openSlate(
  store: Pick<ObjectStore, 'get' | 'put'>,
  encoder: Encoder,
): Promise<Uint8Array> {
  let kept = await store.get(storeKeys.slate);
  if (kept === undefined) {
    const made = JSON.stringify(await makeSlate(encoder));
    await store.put(storeKeys.slate, Buffer.from(made), {
      ifAbsent: true,
      contentType: 'application/json',
    });
    kept = await store.get(storeKeys.slate);
  }
  const slate = slateSchema.parse(JSON.parse(kept?.toString('utf8') ?? 'null'));
  const sample = sampleOf(slate);
  if (createHash('sha256').update(sample).digest('hex') !== slate.sha256) {
    throw new PipelineError('BAD_MEDIA', `${storeKeys.slate} is damaged: delete it`);
  }
  return sample;
}

function sampleOf(slate: Pick<Slate, 'sps' | 'pps' | 'data'>): Buffer {
  const parts = [slate.sps, slate.pps, slate.data].flatMap((base64) => {
    const unit = Buffer.from(base64, 'base64');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(unit.byteLength);
    return [length, unit];
  });
  return Buffer.concat(parts);
}

async function makeSlate(encoder: Encoder): Promise<Slate> {
  let stream: Buffer;
  try {
    stream = await encodePicture(`${BACKGROUND},${LINE},${WORDS}`, encoder);
  } catch {
    // No font, or an ffmpeg without text: the plain picture does.
    stream = await encodePicture(`${BACKGROUND},${LINE}`, encoder);
  }
  const units = annexBUnits(stream);
  const base64 = (type: number): string => {
    const unit = units.find((candidate) => nalType(candidate) === type);
    if (unit === undefined) {
      throw new PipelineError('ENCODER_FAILED', `the slate has no NAL unit of type ${type}`);
    }
    return unit.toString('base64');
  };
  const coded = { sps: base64(NAL.sps), pps: base64(NAL.pps), data: base64(NAL.idr) };
  return { ...coded, sha256: createHash('sha256').update(sampleOf(coded)).digest('hex') };
}

async function encodePicture(filters: string, encoder: Encoder): Promise<Buffer> {
  const args = composeArguments({
    global: globalOptions(encoder.arch),
    inputs: [],
    graphs: [
      `${filters},format=yuv420p,setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709[slate]`,
    ],
    outputs: [
      {
        target: 'pipe:3',
        options: [
          ...['-map', '[slate]', '-c:v', 'libx264', '-threads', '1', '-preset', 'medium'],
          ...['-profile:v', 'high', '-crf', '16', '-x264-params', 'slices=1:bframes=0'],
          ...['-f', 'h264'],
        ],
      },
    ],
  });
  const { program, limits } = encoder;
  const outputs = await runFfmpeg({ program, args, inputs: new Map(), outputs: [3], limits });
  return outputs.get(3) ?? Buffer.alloc(0);
}

/** NAL units of a byte stream (Rec. ITU-T H.264 Annex B). */
function annexBUnits(stream: Buffer): Buffer[] {
  const units: Buffer[] = [];
  let begin = -1;
  for (let at = 0; at + 3 <= stream.byteLength; at += 1) {
    if (stream.readUIntBE(at, 3) === 1) {
      if (begin >= 0) {
        units.push(trimZeros(stream.subarray(begin, at)));
      }
      begin = at + 3;
      at += 2;
    }
  }
  if (begin >= 0) {
    units.push(trimZeros(stream.subarray(begin)));
  }
  return units;
}

function trimZeros(unit: Buffer): Buffer {
  let end = unit.byteLength;
  while (end > 0 && unit[end - 1] === 0) {
    end -= 1;
  }
  return unit.subarray(0, end);
}
