import { describe, expect, test } from '@jest/globals';
import type { VideoRendition } from '#common/contracts/rendition';
import { gridOf } from '#common/grid';
import { composeArguments, joinCommands } from '../../../transcoder/ffmpeg/compose.ts';
import { globalOptions } from '../../../transcoder/ffmpeg/options.ts';
import { pictureCommand } from '../../../transcoder/ffmpeg/picture-command.ts';
import { soundCommand } from '../../../transcoder/ffmpeg/sound-command.ts';
import type { SourcePicture } from '../../../transcoder/source-picture.ts';

const LADDER: readonly VideoRendition[] = [
  ['v360', 640, 360, '1e'],
  ['v720', 1280, 720, '1f'],
].map(([id, width, height, level]) => ({
  kind: 'video',
  id: String(id),
  width: Number(width),
  height: Number(height),
  maxBitrateBps: 1_000_000,
  preset: 'veryfast',
  codecs: `avc1.6400${level}`,
}));
const HD: SourcePicture = {
  width: 1280,
  height: 720,
  sar: { x: 1, y: 1 },
  mayHaveFields: false,
  isPlain: true,
  isFullRange: false,
  matrix: 1,
};

const timing = { startSeconds: '0.0667', fieldTicks: undefined, secondFields: [] };

function picture(sources: readonly SourcePicture[]): { args: string[]; graph: string } {
  const { command } = pictureCommand(gridOf('30000/1001'), timing, sources, LADDER);
  const args = composeArguments({ global: globalOptions('x64'), ...command });
  return { args, graph: command.graphs.join(';') };
}
const following = (args: readonly string[], option: string): (string | undefined)[] =>
  args.flatMap((argument, i) => (argument === option ? [args[i + 1]] : []));

describe('the command for pictures', () => {
  test('opens nothing but pipes, whatever the input says', () => {
    const { args } = picture([HD]);
    expect(following(args, '-i')).toEqual(['pipe:0']);
    expect(following(args, '-protocol_whitelist')).toEqual(['pipe']);
    expect(following(args, '-format_whitelist')).toHaveLength(1);
    expect(args.filter((argument) => argument.startsWith('pipe:'))).toEqual([
      'pipe:0',
      'pipe:3',
      'pipe:4',
      'pipe:5',
    ]);
  });

  test('sets all that decides bytes: threads, level, key frames, time scale', () => {
    const { args } = picture([HD]);
    expect(following(args, '-level')).toEqual(['3.0', '3.1']);
    expect(following(args, '-threads')).toEqual(['1', '1', '1', '1']);
    expect(following(args, '-video_track_timescale')).toEqual(['30000', '30000']);
    expect(following(args, '-x264-params')[0]).toMatch(
      /keyint=60:min-keyint=60:scenecut=0.*cpu-independent=1/,
    );
  });

  test('leaves a picture that fits as it is, and scales each size from the next larger', () => {
    const { graph } = picture([HD]);
    expect(graph).toMatch(
      /setpts=N,scale=w=1280:h=720:.*split=2\[v720\]\[next0\];\[next0\]scale=w=640:h=360/,
    );
    expect(graph).not.toContain(',pad=');
    expect(graph).not.toContain('out_color_matrix');
  });

  test('letterboxes as soon as one picture has another shape', () => {
    const { graph } = picture([HD, { ...HD, width: 960 }]);
    expect(graph).toContain(',pad=w=1280:h=720');
    const anamorphic = { ...HD, width: 960, sar: { x: 4, y: 3 } };
    expect(picture([anamorphic]).graph).not.toContain(',pad=');
  });

  test('converts colours that are not those of the output', () => {
    expect(picture([{ ...HD, matrix: 6 }]).graph).toContain('out_color_matrix=bt709');
    expect(picture([{ ...HD, isFullRange: true }]).graph).toContain('out_range=tv');
    expect(picture([{ ...HD, matrix: 2 }]).graph).not.toContain('out_color_matrix');
  });

  test('refuses an argument that would be split', () => {
    const command = { global: [], inputs: [], graphs: ['null'], outputs: [] };
    expect(() =>
      composeArguments({ ...command, outputs: [{ target: 'x', options: ['-a b'] }] }),
    ).toThrow('contains a space');
  });
});

describe('the command for sound', () => {
  const plan = {
    pieces: [{ kind: 'silence', samples: 96_000 }],
    first: 1,
    count: 94,
    encoded: 100,
  } as const;
  const rendition = {
    kind: 'audio',
    id: 'a96',
    bitrateBps: 96_000,
    codecs: 'mp4a.40.2',
  } as const;

  const command = (first: { inputs: number; descriptor: number }) =>
    soundCommand(plan, rendition, first);

  test('makes silence without any input', () => {
    const { command: made, inputs } = command({ inputs: 0, descriptor: 3 });
    expect(inputs).toEqual([]);
    expect(made.graphs.join()).toContain('anullsrc=r=48000:cl=stereo,atrim=end_sample=96000');
  });

  test('goes into the process of the pictures, in a graph of its own', () => {
    const pictures = pictureCommand(gridOf('30'), timing, [HD], LADDER).command;
    const sound = command({ inputs: 1, descriptor: 6 }).command;
    const args = composeArguments({ global: [], ...joinCommands([pictures, sound]) });
    expect(new Set(following(args, '-filter_complex'))).toEqual(
      new Set([...pictures.graphs, ...sound.graphs]),
    );
    expect(args.at(-1)).toBe('pipe:6');
  });

  test('is held on x86 to what every x86-64 has; other machines are left alone', () => {
    expect(following(globalOptions('x64'), '-cpuflags')).toEqual(['mmx+mmxext+sse+sse2']);
    expect(globalOptions('arm64')).not.toContain('-cpuflags');
  });
});
