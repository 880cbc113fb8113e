/** The renditions of a broadcast: a channel's ladder cut to what the source is worth, fixed when it goes on air. */
import type { Ladder } from '#common/contracts/channel';
import type { Rendition, VideoRendition } from '#common/contracts/rendition';
import type { Grid } from '#common/grid';

/** H.264 levels (ITU-T H.264 table A-1): level_idc, macroblocks a second, macroblocks a frame, bits a second in High. */
const LEVELS: readonly (readonly [
  idc: number,
  perSecond: number,
  perFrame: number,
  bitrate: number,
])[] = [
  [30, 40_500, 1_620, 12_500_000],
  [31, 108_000, 3_600, 17_500_000],
  [32, 216_000, 5_120, 25_000_000],
  [40, 245_760, 8_192, 25_000_000],
  [41, 245_760, 8_192, 62_500_000],
  [42, 522_240, 8_704, 62_500_000],
  [50, 589_824, 22_080, 168_750_000],
  [51, 983_040, 36_864, 300_000_000],
  [52, 2_073_600, 36_864, 300_000_000],
];
const HIGHEST_LEVEL = 52;

/**
 * The lowest level from 3.0 up that allows this picture, as level_idc (31 is level 3.1). A side may have at most the
 * square root of eight times the macroblocks of a frame (§A.3.1).
 */
export function levelOf(
  picture: { readonly width: number; readonly height: number; readonly bitrateBps: number },
  grid: Grid,
): number {
  const [wide, high] = [Math.ceil(picture.width / 16), Math.ceil(picture.height / 16)];
  const size = wide * high;
  const level = LEVELS.find(
    ([, perSecond, perFrame, bitrate]) =>
      size <= perFrame &&
      Math.max(wide, high) ** 2 <= 8 * perFrame &&
      (size * grid.num) / grid.den <= perSecond &&
      picture.bitrateBps <= bitrate,
  );
  return level?.[0] ?? HIGHEST_LEVEL;
}

const even = (value: number): number => Math.max(2, 2 * Math.round(value / 2));
const hexByte = (value: number): string => value.toString(16).padStart(2, '0');

/**
 * Renditions for a source of this size: every rung of the ladder that is not above the source, or the source's own
 * size if all are; then the sound. A rung's height is that of a picture wider than high, so it is the shorter edge of
 * an upright one: 1080 is 1920x1080 lying and 1080x1920 standing. The longer edge keeps the source's aspect.
 */
export function renditionsOf(
  ladder: Ladder,
  source: { readonly width: number; readonly height: number },
  grid: Grid,
): Rendition[] {
  const rungs = ladder.video.toSorted((a, b) => b.height - a.height);
  const shorter = Math.min(source.width, source.height);
  const fitting = rungs.filter(({ height }) => height <= shorter);
  const lowest = rungs.at(-1);
  const chosen =
    fitting.length > 0 || lowest === undefined ? fitting : [{ ...lowest, height: even(shorter) }];
  const video = chosen.map(({ height: edge, maxBitrateBps }): VideoRendition => {
    const width = even((edge * source.width) / shorter);
    const height = even((edge * source.height) / shorter);
    const level = levelOf({ width, height, bitrateBps: maxBitrateBps }, grid);
    return {
      kind: 'video',
      id: `v${String(edge).padStart(2, '0')}`,
      width,
      height,
      maxBitrateBps,
      preset: ladder.preset,
      // RFC 6381 §3.3: profile_idc 100 (High), no constraint flags, level_idc.
      codecs: `avc1.6400${hexByte(level)}`,
    };
  });
  const { bitrateBps } = ladder.audio;
  const id = `a${String(Math.round(bitrateBps / 1000)).padStart(2, '0')}`;
  return [...video, { kind: 'audio', id, bitrateBps, codecs: 'mp4a.40.2' }];
}
