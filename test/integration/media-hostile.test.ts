import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AudioFrame, VideoFrame } from '#common/contracts/frame';
import { gridOf } from '#common/grid';
import { globalOptions, mp4InputOptions } from '../../transcoder/ffmpeg/options.ts';
import { locateProgram } from '../../transcoder/ffmpeg/fingerprint.ts';
import { runFfmpeg, type RunRequest } from '../../transcoder/ffmpeg/run.ts';
import { joinSample, nalType, nalUnits } from '#common/codec/h264/nal-units';
import { run, words } from '../helpers/child.ts';
import type { FlvTag } from '../helpers/flv.ts';
import { cleanInits, fuzzClip, fuzzRound, ingested, made, verify } from '../helpers/media-fuzz.ts';
import { MUTATIONS } from '../helpers/media-mutation.ts';
import { ENCODER } from './transcoder-harness.ts';

const SEED = 20_263;
const GRID = gridOf('24');

let clip: FlvTag[];
let inits: ReadonlyMap<string, string>;
let folder: string;
beforeAll(async () => {
  clip = await fuzzClip();
  inits = await cleanInits(clip, ENCODER);
  folder = await mkdtemp(path.join(tmpdir(), 'touchline-hostile-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const framesOf = (tags: readonly FlvTag[]): ReturnType<typeof ingested> =>
  ingested(tags, (n) => tags[n]?.timestamp ?? 0);

describe('mutated media', () => {
  test.each(Object.keys(MUTATIONS).map((name, round) => [name, round] as const))(
    '(%s) are refused, become filler, or a whole segment in its place',
    async (_name, round) => {
      // What is decoded with errors must still be the same from any worker.
      const isTwice = round < 6;
      const outcome = await fuzzRound(clip, round, SEED, { encoder: ENCODER, inits, isTwice });
      expect({ seed: SEED, ...outcome }).toMatchObject({ mutation: expect.any(String) });
    },
  );
});

describe('what a worker gets', () => {
  type Edit = (picture: VideoFrame) => VideoFrame;
  const withPictures = (edit: Edit): ReturnType<typeof ingested> =>
    framesOf(clip).map((frame) => (frame.kind === 'video' ? edit(frame) : frame));
  const editUnits =
    (edit: (unit: Uint8Array) => Uint8Array[]): Edit =>
    (frame) => ({ ...frame, data: joinSample([...nalUnits(frame.data, 4)].flatMap(edit)) });

  test.each<[string, Edit, string]>([
    ['no picture in it', editUnits((unit) => (nalType(unit) === 6 ? [unit] : [])), 'BAD_MEDIA'],
    ['no parameter sets', editUnits((unit) => (nalType(unit) === 8 ? [] : [unit])), 'BAD_MEDIA'],
    ['a playlist in it', (f) => ({ ...f, data: Buffer.from('#EXTM3U\n') }), 'BAD_MEDIA'],
    [
      'nothing that decodes',
      editUnits((unit) => [
        nalType(unit) === 1 || nalType(unit) === 5 ? Buffer.alloc(300, unit[0]) : unit,
      ]),
      'ENCODER_FAILED',
    ],
    [
      'a picture that claims to be of another kind',
      editUnits((unit) => {
        const edited = Buffer.from(unit);
        edited[1] = nalType(unit) === 7 ? 144 : (edited[1] ?? 0);
        return [edited];
      }),
      'BAD_MEDIA',
    ],
  ])('with %s fails in a word of ours', async (_name, edit, code) => {
    await expect(made(withPictures(edit), ENCODER)).rejects.toMatchObject({ code });
  });

  test('with a picture of 8 MiB is a segment like any other', async () => {
    const filler = Buffer.concat([Buffer.of(12), Buffer.alloc(8 << 20, 255)]);
    let count = 0;
    const frames = withPictures((frame) => {
      count += 1;
      return count === 40
        ? { ...frame, data: joinSample([...nalUnits(frame.data, 4), filler]) }
        : frame;
    });
    const segment = await made(frames, ENCODER);
    expect(() => segment && verify(segment.n, segment.transcoded, inits)).not.toThrow();
    expect(segment?.transcoded.segments[0]?.frames).toBe(GRID.segmentFrames);
  });

  type Lie = (frame: AudioFrame) => Partial<AudioFrame>;
  const lie =
    (config: string, rate: number, channels: number): Lie =>
    () => ({ config: Buffer.from(config, 'hex'), rate, channels });
  test.each<[string, Lie]>([
    ['44.1 kHz', lie('1210', 44_100, 2)],
    ['7.1 channels', lie('11b8', 48_000, 8)],
    ['one channel', lie('1188', 48_000, 1)],
    ['96 kHz', lie('1010', 96_000, 2)],
    ['7350 Hz, which announces no SBR', lie('1610', 7_350, 2)],
    ['SBR', lie('131056e598', 24_000, 2)],
  ])('with sound that says %s and is another makes a whole segment', async (_name, edit) => {
    const frames = framesOf(clip).map((frame) =>
      frame.kind === 'audio' ? { ...frame, ...edit(frame) } : frame,
    );
    const segment = await made(frames, ENCODER);
    expect(segment && verify(segment.n, segment.transcoded, inits)).toBeUndefined();
    expect(segment?.transcoded.segments).toHaveLength(2);
  });
});

describe('a worker opens nothing that media name', () => {
  let listener: net.Server;
  let contacts = 0;
  let url: string;
  beforeAll(async () => {
    listener = net.createServer((socket) => {
      contacts += 1;
      socket.destroy();
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/secret.ts`;
  });
  afterAll(() => {
    listener.close();
  });

  const texts = (): readonly string[] => [
    `#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:2,\n${url}\n#EXT-X-ENDLIST\n`,
    `ffconcat version 1.0\nfile '${url}'\n`,
    `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="a" bandwidth="1"><BaseURL>${url}</BaseURL></Representation></AdaptationSet></Period></MPD>`,
    `v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video ${url.replace(/\D+/g, '').slice(-5)} RTP/AVP 96\n`,
  ];

  test('although the listener would notice: ffmpeg without our options calls it', async () => {
    const list = path.join(folder, 'list.m3u8');
    await writeFile(list, texts()[0] ?? '');
    await run(
      'ffmpeg',
      words`-v quiet -nostdin -protocol_whitelist file,http,tcp -i ${list} -f null -`,
    );
    expect(contacts).toBeGreaterThan(0);
    contacts = 0;
  });

  test.each(['h264', 'aac'] as const)('by the very options of its %s inputs', async (codec) => {
    const program = await locateProgram('ffmpeg');
    for (const text of texts()) {
      const request: RunRequest = {
        program,
        args: [
          ...globalOptions(process.arch),
          ...mp4InputOptions(codec),
          ...['-i', 'pipe:0', '-c', 'copy', '-f', 'mpegts', 'pipe:3'],
        ],
        inputs: new Map([[0, Buffer.from(text)]]),
        outputs: [3],
        limits: ENCODER.limits,
      };
      await expect(runFfmpeg(request)).rejects.toMatchObject({ code: 'ENCODER_FAILED' });
    }
    expect(contacts).toBe(0);
  });

  test('in pictures and sound of a whole task', async () => {
    for (const text of texts()) {
      const unit = Buffer.concat([Buffer.of(0x65), Buffer.from(text)]);
      const frames = framesOf(clip).map((frame) =>
        frame.kind === 'audio'
          ? { ...frame, data: Buffer.from(text) }
          : { ...frame, data: joinSample([...nalUnits(frame.data, 4), unit]) },
      );
      const segment = await made(frames, ENCODER);
      expect(segment && verify(segment.n, segment.transcoded, inits)).toBeUndefined();
    }
    expect(contacts).toBe(0);
  });
});

describe('ffmpeg in its box', () => {
  test('writes no file, and no core when it crashes', async () => {
    const request = (script: string): RunRequest => ({
      program: '/bin/sh',
      args: ['-c', script],
      inputs: new Map(),
      outputs: [3],
      limits: ENCODER.limits,
    });
    const file = path.join(folder, 'written');
    await expect(runFfmpeg(request(`echo x > ${file}`))).rejects.toMatchObject({
      code: 'ENCODER_FAILED',
    });
    const limits = await runFfmpeg(request('{ ulimit -c; ulimit -f; } >&3'));
    expect(limits.get(3)?.toString()).toBe('0\n0\n');
  });
});
