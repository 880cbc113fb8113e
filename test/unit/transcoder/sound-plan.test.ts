import { describe, expect, test } from '@jest/globals';
import type { AudioFrame } from '#common/contracts/frame';
import { aacFramesOf, gridOf } from '#common/grid';
import { samplePosition, segmentNumber } from '#common/time';
import { decodedSound } from '../../../transcoder/decoded-sound.ts';
import { planSound, type SoundSource, type SpanPiece } from '../../../transcoder/sound-plan.ts';

const grid = gridOf('30000/1001');
const n = segmentNumber(897_500_001);
const { first, end } = aacFramesOf(grid, n);
const begin = 1024 * (first - 3);
const stop = 1024 * (end + 3);
const LC_48K_STEREO = Uint8Array.of(0x11, 0x90);
const LC_44K_MONO = Uint8Array.of(0x12, 0x08);

function source(
  origin: number,
  rate: number,
  config: Uint8Array,
  [firstK, lastK]: readonly [number, number],
  [from, to]: readonly [number, number],
): SoundSource {
  const frames: AudioFrame[] = Array.from({ length: lastK - firstK + 1 }, (_, i) => ({
    kind: 'audio',
    seq: i,
    k: firstK + i,
    rate,
    channels: 2,
    config,
    origin: samplePosition(origin),
    data: new Uint8Array(1),
  }));
  const span = {
    session: 's',
    fromSeq: 0,
    toSeq: 9,
    fromChunk: segmentNumber(0),
    toChunk: segmentNumber(0),
    origin: samplePosition(origin),
    rate,
    channels: 2,
    firstK,
    lastK,
    from: samplePosition(from),
    to: samplePosition(to),
  };
  return { span, frames };
}

const lengths = (sources: readonly SoundSource[]): [string, number][] =>
  planSound(grid, n, sources).pieces.map(({ kind, samples }) => [kind, samples]);
const spanPiece = (sources: readonly SoundSource[]): SpanPiece => {
  const piece = planSound(grid, n, sources).pieces.find(({ kind }) => kind === 'span');
  if (piece?.kind !== 'span') {
    throw new Error('no span');
  }
  return piece;
};

describe('the plan of sound', () => {
  test('is silence of exactly the segment and its context where there is no sound', () => {
    expect(lengths([])).toEqual([['silence', stop - begin]]);
    const plan = planSound(grid, n, []);
    expect(plan).toMatchObject({ first, count: end - first, encoded: end - first + 6 });
  });

  test('fills what spans leave open, and its pieces always add up', () => {
    const origin = begin - 5_000;
    const a = source(origin, 48_000, LC_48K_STEREO, [0, 30], [begin, begin + 20_000]);
    const b = source(origin, 48_000, LC_48K_STEREO, [40, 150], [begin + 40_000, stop]);
    expect(lengths([a, b])).toEqual([
      ['span', 20_000],
      ['silence', 20_000],
      ['span', stop - begin - 40_000],
    ]);
  });

  test('cuts spans that reach beyond what is encoded, and drops those that lie outside', () => {
    const origin = begin - 50_000;
    const wide = source(origin, 48_000, LC_48K_STEREO, [0, 300], [origin, stop + 50_000]);
    const past = source(origin, 48_000, LC_48K_STEREO, [0, 20], [origin, begin - 1]);
    expect(lengths([past, wide])).toEqual([['span', stop - begin]]);
  });

  test('skips decoded samples up to the exact position at 48 kHz', () => {
    const origin = begin - 5_001;
    const piece = spanPiece([source(origin, 48_000, LC_48K_STEREO, [2, 150], [begin, stop])]);
    expect(piece.skipDecoded + piece.skip).toBe(5_001 - 2 * 1024);
    expect(piece.skip).toBe(0);
  });

  test('starts resampling at a multiple of 147 samples of the run, with lead for the filter', () => {
    const origin = begin - 200_003;
    const firstK = 170;
    const piece = spanPiece([source(origin, 44_100, LC_44K_MONO, [firstK, 280], [begin, stop])]);
    const start = 1024 * firstK + piece.skipDecoded;
    expect(start % 147).toBe(0);
    expect(origin + (start / 147) * 160 + piece.skip).toBe(begin);
    expect((piece.skip * 147) / 160).toBeGreaterThanOrEqual(500);
    expect(piece.isMono).toBe(true);
  });

  test('begins later, after silence, when decoding cannot begin early enough', () => {
    const origin = begin - 1_024 * 160;
    const late = source(origin, 44_100, LC_44K_MONO, [160, 280], [begin, stop]);
    const [silence, span] = planSound(grid, n, [late]).pieces;
    expect(silence?.kind).toBe('silence');
    expect((silence?.samples ?? 0) + (span?.samples ?? 0)).toBe(stop - begin);
  });
});

describe('an AudioSpecificConfig', () => {
  test.each([
    ['AAC-LC', '1190', { rate: 48_000, factor: 1, isMono: false }],
    [
      'AAC-LC with an extension that announces no SBR',
      '118856e500',
      { rate: 48_000, factor: 1, isMono: true },
    ],
    ['AAC-LC at a rate of its own', '17802ee208', { rate: 24_004, factor: 1, isMono: true }],
    ['HE-AAC', '2b118800', { rate: 48_000, factor: 2, isMono: false }],
    [
      'AAC-LC with SBR announced behind it',
      '131056e598',
      { rate: 48_000, factor: 2, isMono: false },
    ],
  ])('of %s tells what is decoded', (_name, hex, expected) => {
    expect(decodedSound(Buffer.from(hex, 'hex'))).toEqual(expected);
  });

  test('that is cut short is an error with its place', () => {
    expect(() => decodedSound(Uint8Array.of(0x11))).toThrow(/bits end at 8/);
    expect(() => decodedSound(Uint8Array.of(0x16, 0x90))).toThrow(/an unknown number of Hz/);
  });

  test.each([
    [1, '17800000880800'],
    [16_777_215, '17ffffff8808'],
  ])('that claims %i Hz is an error', (_rate, hex) => {
    expect(() => decodedSound(Buffer.from(hex, 'hex'))).toThrow(/Hz/);
  });
});
