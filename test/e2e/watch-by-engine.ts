/** What the watch page does with a broadcast, whichever engine plays: before, during and after it, and over an outage. */
import { describe, expect, test } from '@jest/globals';
import { eventually } from '../helpers/poll.ts';
import { watchFrames, type FramesSeen } from './frame-watch.ts';
import { look, until } from './watch-page.ts';
import { textOf, useWatchStage } from './watch-stage.ts';

/** Declares its tests: in a file for each engine, so that they run side by side. */
export function describeWatchPage(engine: 'hls' | 'dash'): void {
  const stage = useWatchStage();

  describe(`the watch page by ${engine}`, () => {
    test('waits, starts by itself, goes back and returns to live, ends, replays, and goes over to the next broadcast', async () => {
      await stage.page.goto(`${stage.edge.url}/watch/main?player=${engine}`);
      await until(stage.page, 'the page to wait', ({ state }) => state === 'waiting');
      expect(await textOf(stage.page, 'message-title')).toBe('Not on air yet');

      const first = stage.origin.goOnAir(60);
      const live = await until(stage.page, 'the broadcast to play', (seen) => seen.frames > 30);
      expect(live).toMatchObject({ engine, state: 'live', broadcast: first, muted: true });
      expect(live.isAtLive).toBe(true);
      expect(live.latency).toBeGreaterThan(2);
      expect(live.latency).toBeLessThan(15);
      expect([...live.qualities].sort((a, b) => b - a)).toEqual([360, 180]);
      expect(await textOf(stage.page, 'badge')).toBe('LIVE');

      await stage.page.locator('[data-part="unmute"]').click();
      expect((await look(stage.page)).muted).toBe(false);
      const watch = await watchFrames(stage.page);
      const shown = (what: string, isSo: (seen: FramesSeen) => boolean): Promise<FramesSeen> =>
        eventually(what, async () => {
          const seen = await watch.read();
          return isSo(seen) ? seen : undefined;
        });
      const { mediaTime } = await shown('frames at live', ({ frames }) => frames > 5);
      for (let i = 0; i < 6; i += 1) {
        await stage.page.keyboard.press('ArrowLeft');
      }
      await shown(
        'the picture of a minute ago',
        (seen) => seen.mediaTime > mediaTime - 66 && seen.mediaTime < mediaTime - 45,
      );
      await until(
        stage.page,
        'the past to play',
        (seen) => !seen.isAtLive && (seen.latency ?? 0) > 55,
      );
      await eventually('the time to say so', async () =>
        /^-(?:0:5|1:0)/.test(await textOf(stage.page, 'time')) ? true : undefined,
      );
      await stage.page.locator('[data-part="live"]').click();
      await shown('the picture of now', (seen) => seen.mediaTime > mediaTime);
      await until(stage.page, 'live again', (seen) => seen.isAtLive && (seen.latency ?? 99) < 15);

      stage.origin.end();
      await until(stage.page, 'the end', ({ state }) => state === 'ended');
      await stage.page.getByRole('button', { name: 'Watch the recording' }).click();
      const replay = await until(stage.page, 'the recording', (seen) => seen.frames > 10);
      expect(replay).toMatchObject({ state: 'recording', broadcast: first });
      expect(replay.latency).toBeUndefined();

      const second = stage.origin.goOnAir(5);
      await stage.page.getByRole('button', { name: 'Watch live' }).click();
      await until(
        stage.page,
        'the next broadcast',
        (seen) => seen.broadcast === second && seen.frames > 10,
      );
      stage.origin.end();
      await until(stage.page, 'the next end', ({ state }) => state === 'ended');
      const third = stage.origin.goOnAir(8);
      await until(
        stage.page,
        'the third by itself',
        (seen) => seen.broadcast === third && seen.frames > 10,
      );
    }, 120_000);

    test('starts with the broadcast itself, wherever on the sound grid that is', async () => {
      await stage.page.goto(`${stage.edge.url}/watch/main?player=${engine}`);
      // Every fourth segment of sound begins exactly with its picture.
      const first = stage.origin.goOnAir(1, 4);
      const seen = await until(stage.page, 'the broadcast to play', ({ frames }) => frames > 30);
      expect(seen).toMatchObject({ state: 'live', broadcast: first });
    }, 60_000);

    test('plays on over an outage of the origin', async () => {
      stage.origin.goOnAir(30);
      await stage.page.goto(`${stage.edge.url}/watch/main?player=${engine}`);
      // Between two segments the buffer falls from six seconds to four: the outage begins with enough in it to be seen.
      const before = await until(
        stage.page,
        'the broadcast to play',
        (seen) => seen.frames > 30 && seen.bufferAhead > 4.5,
      );
      stage.origin.setDown(true);
      await until(
        stage.page,
        'the buffer to be used',
        (seen) => seen.currentTime > before.currentTime + 4,
      );
      stage.origin.setDown(false);
      const after = await until(
        stage.page,
        'more',
        (seen) => seen.currentTime > before.currentTime + 12,
      );
      expect(after).toMatchObject({ state: 'live', engine });
    }, 60_000);
  });
}
