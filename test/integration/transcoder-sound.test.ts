/**
 * Sound of separately made segments: clean where they join, in its place, silent where nothing came.
 *
 * @takes-seconds 30
 */
import { describe, expect, test } from '@jest/globals';
import type { AudioFrame } from '#common/contracts/frame';
import type { AudioRendition } from '#common/contracts/rendition';
import { aacFramesOf, firstSample, gridOf } from '#common/grid';
import { readFragment } from '#common/mp4/read';
import { greatest, least, samplePosition, segmentNumber } from '#common/time';
import type { SoundSource } from '../../transcoder/sound-plan.ts';
import { transcode } from '../../transcoder/transcode.ts';
import { codedAudio } from '../helpers/coded-frames.ts';
import { readSound } from '../helpers/decode.ts';
import { programme, PROGRAMME_PERIOD_SECONDS, tone, type Sound } from '../helpers/sound.ts';
import { joinLoss, noiseAround } from '../helpers/sound-report.ts';
import { makeSoundFile } from './made-clips.ts';
import { ENCODER, SEGMENT, runSource } from './transcoder-harness.ts';

// Looked up once: within jest every look-up of a global costs more than the sine itself.
const { PI, sin } = Math;

const grid = gridOf('30');
const A96: AudioRendition = {
  kind: 'audio',
  id: 'a96',
  bitrateBps: 96_000,
  codecs: 'mp4a.40.2',
};
/** Where the source begins before the first segment, in samples: no multiple of anything. */
const LEAD = 12_347;
const origin = firstSample(grid, segmentNumber(SEGMENT)) - LEAD;
const firstOf = (n: number): number => 1024 * aacFramesOf(grid, segmentNumber(n)).first;

async function makeSound(
  count: number,
  sourcesOf: (n: number) => readonly SoundSource[],
): Promise<{ pcm: Float32Array; inits: Set<string>; datas: Buffer[] }> {
  const inits = new Set<string>();
  const datas: Buffer[] = [];
  let init: Buffer = Buffer.alloc(0);
  // Two at a time: a worker's machine does no less.
  for (let i = 0; i < count; i += 2) {
    const pair = [i, i + 1].filter((at) => at < count).map((at) => SEGMENT + at);
    const made = await Promise.all(
      pair.map((n) =>
        transcode(
          { n: segmentNumber(n), fps: '30', renditions: [A96] },
          { pictures: [], sounds: sourcesOf(n) },
          ENCODER,
        ),
      ),
    );
    for (const { segments } of made) {
      for (const segment of segments) {
        init = segment.init;
        inits.add(segment.init.toString('hex'));
        datas.push(segment.data);
      }
    }
  }
  return { pcm: await readSound([init, ...datas]), inits, datas };
}

/** What the source's samples would be at the output's positions; a decoder's first frame is the encoder's priming. */
function reference(sound: Sound, length: number): Float32Array {
  const shift = firstOf(SEGMENT) - origin;
  return Float32Array.from({ length }, (_, i) => sound(i + shift));
}

const joins = (count: number): number[] =>
  Array.from({ length: count - 1 }, (_, i) => firstOf(SEGMENT + i + 1) - firstOf(SEGMENT));

describe('sound of separately made segments', () => {
  const JOINS = 50;

  test.each([
    ['48 kHz stereo', 48_000, 2],
    ['44.1 kHz mono', 44_100, 1],
  ] as const)(
    'a tone from %s is clean at 50 joins, at its exact place',
    async (_name, rate, channels) => {
      const seconds = 2 * (JOINS + 1) + 1;
      const frames = codedAudio(await makeSoundFile(tone(rate), rate, channels, seconds), origin);
      const count = JOINS + 1;
      const { pcm, inits, datas } = await makeSound(count, (n) => [runSource(grid, n, frames)]);
      expect(inits.size).toBe(1);
      let at = firstOf(SEGMENT);
      for (const data of datas) {
        const info = readFragment(data);
        expect(info.decodeTime).toBe(at);
        expect(info.durations.every((duration) => duration === 1024)).toBe(true);
        at += info.duration;
      }
      expect(at).toBe(firstOf(SEGMENT + count));
      expect(pcm.length).toBe(at - firstOf(SEGMENT));
      // The source's first frame is its encoder's priming of 1024 samples, at its own rate.
      const primed = (sound: (seconds: number) => number): Sound => {
        return (position) => sound(position / 48_000 - 1024 / rate);
      };
      const wanted = reference(
        primed((time) => 0.5 * sin(2 * PI * 997 * time)),
        pcm.length,
      );
      const report = noiseAround(pcm, wanted, joins(count));
      expect(report.places).toBe(JOINS);
      expect(report.worstDb).toBeGreaterThan(30);
    },
    60_000,
  );

  test('a programme is as clean at joins as away from them', async () => {
    const sound = programme(48_000, 7);
    const frames = codedAudio(await makeSoundFile(sound, 48_000, 2, 27), origin);
    const count = 12;
    const { pcm } = await makeSound(count, (n) => [runSource(grid, n, frames)]);
    const wanted = reference((position) => sound(Math.max(0, position - 1024)), pcm.length);
    const places = joins(count);
    const period = 48_000 * PROGRAMME_PERIOD_SECONDS;
    const loss = joinLoss(pcm, wanted, { joins: places, period, from: 0, to: pcm.length });
    expect(loss.joins).toBe(places.length);
    expect(loss.meanDb).toBeLessThan(1);
  }, 60_000);

  test('what no span covers is silence, and spans keep their place', async () => {
    const frames = codedAudio(await makeSoundFile(tone(48_000), 48_000, 2, 5), origin);
    const middle = firstOf(SEGMENT) + 40_000;
    const spanned = (from: number, to: number): SoundSource => {
      const { span, frames: all } = runSource(grid, SEGMENT, frames);
      return {
        span: {
          ...span,
          from: greatest(samplePosition(from), span.from),
          to: least(samplePosition(to), span.to),
        },
        frames: all,
      };
    };
    const sources = [spanned(0, middle), spanned(middle + 20_000, Infinity)];
    const { pcm } = await makeSound(1, () => sources);
    const level = (from: number, to: number): number =>
      Math.sqrt(pcm.slice(from, to).reduce((sum, value) => sum + value * value, 0) / (to - from));
    expect(level(2_000, 38_000)).toBeGreaterThan(0.3);
    expect(level(42_000, 58_000)).toBeLessThan(0.001);
    expect(level(62_000, 94_000)).toBeGreaterThan(0.3);
    const silent = await makeSound(1, () => []);
    expect(silent.pcm.length).toBe(firstOf(SEGMENT + 1) - firstOf(SEGMENT));
    expect(silent.pcm.every((value) => Math.abs(value) < 1e-4)).toBe(true);
  });

  test('a missing AAC frame is an error that may pass', async () => {
    const all = codedAudio(await makeSoundFile(tone(48_000), 48_000, 2, 5), origin);
    const frames: AudioFrame[] = all.filter(({ k }) => k !== 40);
    await expect(makeSound(1, (n) => [runSource(grid, n, frames)])).rejects.toMatchObject({
      code: 'INPUT_MISSING',
    });
  });
});
