/**
 * The two commands of sound on time: one decodes an unbroken run of AAC frames into samples, one encodes the samples of one
 * segment. Samples are 48 kHz, stereo, 32 bit floating point, interleaved; they are counted, and no timestamp is looked at.
 */
import type { AudioRendition } from '#common/contracts/rendition';
import { SAMPLE_RATE } from '#common/grid';
import { composeArguments } from '../ffmpeg/compose.ts';
import { globalOptions, mp4InputOptions } from '../ffmpeg/options.ts';
import { FORMAT, MONO_TO_STEREO } from '../ffmpeg/sound-command.ts';

/** Bytes of one sample of both channels. */
export const SAMPLE_BYTES = 8;

/** Both commands' descriptors. */
export const SOUND_PIPES = { input: 0, output: 3 } as const;

/** How a run is decoded. */
export interface RunDecoding {
  readonly decodedRate: number;
  readonly isMono: boolean;
  /** Decoded samples left out before the resampler. */
  readonly skipDecoded: number;
}

/** Decodes a run, from the sample on at which its resampler begins. */
export function decodeSoundArguments(
  { decodedRate, isMono, skipDecoded }: RunDecoding,
  arch: string,
): string[] {
  const filters = [
    // Nothing unless the stream has SBR that its configuration does not announce.
    ...(decodedRate <= 24_000 ? [`aresample=${decodedRate}`] : []),
    ...(skipDecoded > 0 ? [`atrim=start_sample=${skipDecoded}`, 'asetpts=N/SR/TB'] : []),
    ...(decodedRate === SAMPLE_RATE ? [] : [`aresample=${SAMPLE_RATE}:exact_rational=1`]),
    ...(isMono ? [MONO_TO_STEREO] : []),
    FORMAT,
    'asetpts=N/SR/TB',
  ];
  return composeArguments({
    global: globalOptions(arch),
    inputs: [{ source: `pipe:${SOUND_PIPES.input}`, options: mp4InputOptions('aac') }],
    graphs: [`[0:a:0]${filters.join(',')}[samples]`],
    outputs: [
      {
        target: `pipe:${SOUND_PIPES.output}`,
        options: [
          ...['-map', '[samples]', '-c:a', 'pcm_f32le', '-threads', '1'],
          ...['-flush_packets', '1', '-f', 'f32le'],
        ],
      },
    ],
  });
}

/** Encodes samples; the encoder's first frame is its priming. */
export const encodeSoundArguments = (rendition: AudioRendition, arch: string): string[] =>
  composeArguments({
    global: globalOptions(arch),
    inputs: [
      {
        source: `pipe:${SOUND_PIPES.input}`,
        options: [
          ...['-f', 'f32le', '-ar', String(SAMPLE_RATE), '-ac', '2'],
          ...['-protocol_whitelist', 'pipe', '-probesize', '32', '-analyzeduration', '0'],
        ],
      },
    ],
    graphs: [`[0:a:0]${FORMAT},asetpts=N/SR/TB[samples]`],
    outputs: [
      {
        target: `pipe:${SOUND_PIPES.output}`,
        options: [
          ...['-map', '[samples]', '-c:a', 'aac', '-b:a', String(rendition.bitrateBps)],
          ...['-threads', '1', '-flags', '+bitexact', '-fflags', '+bitexact'],
          ...['-map_metadata', '-1', '-flush_packets', '1', '-f', 'adts'],
        ],
      },
    ],
  });
