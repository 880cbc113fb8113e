/** What counts as a complaint of ffmpeg's about a broadcast, and what is an artefact of its own. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { playerComplaints } from '../../helpers/analyse.ts';
import { run, runOk, words } from '../../helpers/child.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'touchline-complaints-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Fragmented MP4 of 60 pictures whose times follow an expression of `setpts`. */
async function makeVideo(name: string, times: string): Promise<string> {
  const file = path.join(folder, `${name}.mp4`);
  await runOk(
    'ffmpeg',
    words`-v error -f lavfi -i testsrc2=size=64x64:rate=30 -frames:v 60 -fps_mode passthrough
      -enc_time_base 1/90000 -vf ${`settb=1/90000,setpts=${times}`} -c:v libx264 -g 30 -bf 2
      -video_track_timescale 90000 -f mp4 -movflags empty_moov+default_base_moof+frag_keyframe ${file}`,
  );
  return file;
}

describe('reading by ffmpeg', () => {
  test('has nothing against times that are exact but fall into one step of a guessed frame rate', async () => {
    const file = await makeVideo('uneven', '3000*N+1600*eq(N\\,45)');
    const numbered = await run('ffmpeg', words`-v error -xerror -i ${file} -map 0 -f null -`);
    expect(numbered.stderr).toContain('non monotonically increasing dts');
    expect(await playerComplaints(file)).toBe('');
  });

  test('finds decode times that go back', async () => {
    const file = await makeVideo('steady', '3000*N');
    const list = path.join(folder, 'twice.m3u8');
    const head = '#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-PLAYLIST-TYPE:VOD\n';
    const segment = `#EXTINF:2,\n${path.basename(file)}\n`;
    await writeFile(list, `${head}${segment}${segment}#EXT-X-ENDLIST\n`);
    expect(await playerComplaints(list)).toContain('non monotonically increasing dts');
  });

  test('finds pictures that cannot be decoded', async () => {
    const bytes = await readFile(await makeVideo('broken', '3000*N'));
    bytes.fill(0xa5, bytes.indexOf('mdat') + 200, bytes.indexOf('mdat') + 900);
    const file = path.join(folder, 'broken.mp4');
    await writeFile(file, bytes);
    expect(await playerComplaints(file)).not.toBe('');
  });
});
