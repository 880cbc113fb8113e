/** The command that makes a segment's sound: pieces one after another, into one AAC encoder, out as ADTS. */
import type { AudioRendition } from '#common/contracts/rendition';
import { SAMPLE_RATE } from '#common/grid';
import type { SoundPiece, SoundPlan, SpanPiece } from '../sound-plan.ts';
import type { Command } from './compose.ts';
import { mp4InputOptions } from './options.ts';

/** The encoder's format, for every piece. */
export const FORMAT = `aformat=sample_fmts=fltp:sample_rates=${SAMPLE_RATE}:channel_layouts=stereo`;
/** Both channels get the whole of a mono source; ffmpeg's own mixing takes 3 dB off. */
export const MONO_TO_STEREO = 'pan=stereo|c0=c0|c1=c0';

function spanFilters(piece: SpanPiece): string {
  const { decodedRate, skipDecoded, skip, samples } = piece;
  return [
    // Nothing unless the stream has SBR that its configuration does not announce.
    ...(decodedRate <= 24_000 ? [`aresample=${decodedRate}`] : []),
    ...(skipDecoded > 0 ? [`atrim=start_sample=${skipDecoded}`, 'asetpts=N/SR/TB'] : []),
    ...(decodedRate === SAMPLE_RATE ? [] : [`aresample=${SAMPLE_RATE}:exact_rational=1`]),
    ...(piece.isMono ? [MONO_TO_STEREO] : []),
    FORMAT,
    `apad=whole_len=${skip + samples}`,
    `atrim=start_sample=${skip}:end_sample=${skip + samples}`,
    'asetpts=N/SR/TB',
  ].join(',');
}

const pieceFilters = (piece: SoundPiece, input: number): string =>
  piece.kind === 'span'
    ? `[${input}:a:0]${spanFilters(piece)}`
    : `anullsrc=r=${SAMPLE_RATE}:cl=stereo,atrim=end_sample=${piece.samples},${FORMAT},asetpts=N/SR/TB`;

/** The command, and the descriptors of its inputs (one per span, in order) and output. */
export interface SoundCommand {
  readonly command: Omit<Command, 'global'>;
  readonly inputs: readonly { readonly descriptor: number; readonly piece: SpanPiece }[];
  readonly outputDescriptor: number;
}

/** What the rest of the process has taken already. */
export interface Taken {
  /** Number of inputs. */
  readonly inputs: number;
  /** First free descriptor. */
  readonly descriptor: number;
}

/** Composes the command; its descriptors follow one another from the first free one, the output's first. */
export function soundCommand(
  plan: SoundPlan,
  rendition: AudioRendition,
  taken: Taken,
): SoundCommand {
  const inputs = plan.pieces
    .filter((piece) => piece.kind === 'span')
    .map((piece, i) => ({ descriptor: taken.descriptor + 1 + i, piece }));
  let input = taken.inputs - 1;
  const parts = plan.pieces.map((piece, i) => {
    input += piece.kind === 'span' ? 1 : 0;
    return `${pieceFilters(piece, input)}[${rendition.id}p${i}]`;
  });
  const join = `${plan.pieces.map((_, i) => `[${rendition.id}p${i}]`).join('')}concat=n=${plan.pieces.length}:v=0:a=1,asetpts=N/SR/TB[${rendition.id}]`;
  return {
    command: {
      inputs: inputs.map(({ descriptor }) => ({
        source: `pipe:${descriptor}`,
        options: mp4InputOptions('aac'),
      })),
      graphs: [[...parts, join].join(';')],
      outputs: [
        {
          target: `pipe:${taken.descriptor}`,
          options: [
            ...['-map', `[${rendition.id}]`, '-c:a', 'aac', '-b:a', String(rendition.bitrateBps)],
            // Noise substitution stays on (the default): without it the encoder's rate control takes far longer to
            // settle, and three frames of context leave joins 8 dB worse on a tone.
            ...['-threads', '1', '-flags', '+bitexact', '-fflags', '+bitexact'],
            ...['-map_metadata', '-1', '-f', 'adts'],
          ],
        },
      ],
    },
    inputs,
    outputDescriptor: taken.descriptor,
  };
}
