/**
 * The control room in Chromium over a whole pipeline: every figure against its source, and what operators do.
 *
 * @takes-seconds 45
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { QUEUES } from '#common/contracts/names';
import { createLogger } from '#common/logger';
import { openQueue, type Queue } from '#common/queues';
import { connectRedis, type Redis } from '#common/redis';
import { Viewer } from '../fault/viewer.ts';
import { faultsOf } from '../helpers/axe.ts';
import { waitForAir } from '../helpers/broadcast-run.ts';
import { startChromium, type Chromium } from '../helpers/chromium.ts';
import { ADMIN_TOKEN, SMALL_LADDER, startPipeline, type Pipeline } from '../helpers/pipeline.ts';
import { eventually } from '../helpers/poll.ts';
import { publishClip, type Publication } from '../helpers/publish-clip.ts';
import { startRedis } from '../helpers/redis-server.ts';
import { makeClip, RECIPES } from '../helpers/sources.ts';
import { readTexts, type Beats, type Sources } from './room-sources.ts';

const TIMEOUT_MS = 180_000;
/** A figure on the page may be this much older than its source: a heartbeat, a snapshot, and what a busy machine adds. */
const LATE_MS = 6_000;
const WIDE = { width: 1440, height: 1000 };
const NARROW = { width: 390, height: 844 };

let server: { readonly url: string; close(): Promise<void> };
let redis: Redis;
let queues: readonly Queue[];
let pipeline: Pipeline;
let chromium: Chromium;
let publication: Publication;
let page: Page;
let viewer: Viewer;
const mistakes: string[] = [];

beforeAll(async () => {
  const clip = await makeClip(RECIPES['steady-30'], 60);
  server = await startRedis();
  pipeline = await startPipeline({ REDIS_URL: server.url, WORKERS: '2' });
  const logger = createLogger('test', 'silent');
  redis = connectRedis(server.url, 'test', logger);
  queues = Object.values(QUEUES).map((name) => openQueue(name, redis, logger));
  const ladder = SMALL_LADDER;
  // Its work goes through the queue, which has a page: in low latency workers are given it without.
  const key = await pipeline.api.createChannel({ id: 'final', ladder, profile: 'standard' });
  const target = { port: pipeline.rtmpPort, key };
  publication = await eventually('the key', () => publishClip(clip.path, target));
  chromium = await startChromium(WIDE);
  page = await chromium.context.newPage();
  page.on('pageerror', (error) => mistakes.push(error.message));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) {
      mistakes.push(message.text());
    }
  });
}, TIMEOUT_MS);

afterAll(async () => {
  await chromium.close();
  await viewer.stop();
  publication.publisher.drop();
  await Promise.all(queues.map((queue) => queue.close()));
  redis.disconnect();
  expect(await pipeline.close()).toEqual([]);
  await server.close();
}, TIMEOUT_MS);

const sourceOf = (name: string) => page.locator(`[data-source="${name}"]`);

async function faultsAtBothWidths(): Promise<readonly string[]> {
  const wide = await faultsOf(page);
  await page.setViewportSize(NARROW);
  const narrow = await faultsOf(page);
  const width = await page.evaluate<number>('document.documentElement.scrollWidth');
  await page.setViewportSize(WIDE);
  return [...wide, ...narrow, ...(width > NARROW.width ? [`${width} pixels wide`] : [])];
}

test(
  'opens to the admin token, from a login that anybody can use',
  async () => {
    await page.goto(pipeline.control);
    expect(new URL(page.url()).pathname).toBe('/login');
    expect(await faultsAtBothWidths()).toEqual([]);
    await page.getByLabel('Admin token').fill(ADMIN_TOKEN);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('heading', { name: 'final' }).waitFor();
  },
  TIMEOUT_MS,
);

test(
  'shows figures that are their sources’, every one of them',
  async () => {
    await waitForAir(pipeline, 'final');
    viewer = new Viewer(pipeline.edge, 'final');
    const [chunks] = queues;
    // A job that fails and one that waits, so that not all of these figures are zeros.
    await chunks?.add('nonsense', {});
    await chunks?.add('later', {}, { delay: 600_000 });
    await sourceOf('channels/final/renditions/v360/lagMs').filter({ hasText: 's' }).waitFor();
    // The first edge is the one that the viewer watches by.
    const egress = sourceOf('edges/local.host.01a/bitsPerSecond');
    await egress.filter({ hasText: /[1-9].*b\/s/ }).waitFor();

    const sources: Sources = { api: pipeline.api, redis, queues };
    const beats: Beats = new Map();
    const heard = new Map<string, Map<string, number>>();
    const checked = new Set<string>();
    await eventually(
      'every figure to be its source’s',
      async () => {
        const now = Date.now();
        for (const [name, text] of await readTexts(sources, beats)) {
          const texts = heard.get(name) ?? new Map<string, number>();
          heard.set(name, texts.set(text, now));
        }
        const shown = await page.evaluate<[string, string][]>(
          `[...document.querySelectorAll('[data-source]')].map((e) => [e.dataset.source, e.textContent])`,
        );
        for (const [name, text] of shown) {
          if (now - (heard.get(name)?.get(text) ?? 0) < LATE_MS) {
            checked.add(name);
          }
        }
        const left = shown.filter(([name]) => !checked.has(name));
        if (left.length > 0) {
          const told = left.map(([name, text]) => {
            const known = [...(heard.get(name)?.keys() ?? [])].slice(-5).join(' | ');
            return `${name} shows ${text}, source has had ${known}`;
          });
          throw new Error(told.join('\n'));
        }
        return shown.length > 60 ? true : undefined;
      },
      { timeoutMs: 40_000, everyMs: 50 },
    );
    const unnamed = await page.evaluate<string[]>(`(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const { data, parentElement } = walker.currentNode;
      if (/\\d/.test(data) && parentElement.closest('[data-source]') === null) found.push(data);
    }
    return found;
  })()`);
    expect(unnamed).toEqual([]);
    expect(await sourceOf('queues/chunks/failed').innerText()).toBe('1');
  },
  TIMEOUT_MS,
);

test(
  'shows the picture and its graphs, and can be used by anybody at both widths',
  async () => {
    const picture = page.getByRole('img', { name: 'What is on air on final' });
    await picture.waitFor();
    const width = await page.evaluate<number>(
      `document.querySelector('.preview img').naturalWidth`,
    );
    expect(width).toBe(320);
    expect(await page.locator('.graph canvas').count()).toBe(4);
    expect(await faultsAtBothWidths()).toEqual([]);
    for (const name of ['New channel', 'Connect OBS of final']) {
      await page.getByRole('button', { name }).click();
      await page.getByRole('dialog').waitFor();
      expect(await faultsAtBothWidths()).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
  },
  TIMEOUT_MS,
);

test(
  'makes a channel, shows its key once, changes it and deletes it, without a reload',
  async () => {
    await page.evaluate('window.isSamePage = true');
    await page.getByRole('button', { name: 'New channel' }).click();
    await page.getByRole('button', { name: 'Create channel' }).click();
    expect(await page.locator('#id-problem').innerText()).toContain('id');
    await page.locator('#id:focus').waitFor();
    await page.getByLabel('Id', { exact: true }).fill('training');
    await page.getByLabel('Name', { exact: true }).fill('Training ground');
    await page.keyboard.press('Enter');
    const key = await page.getByLabel('Stream key', { exact: true }).inputValue();
    expect(key).toMatch(/^[0-9a-f]{32}$/);
    const line = await page.getByLabel('Server', { exact: true }).inputValue();
    expect(line).toBe(`rtmp://127.0.0.1:${pipeline.rtmpPort}/live`);
    await page.getByRole('button', { name: 'Copy stream key' }).click();
    await page.getByText('Copied').first().waitFor();
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: 'Settings of Training ground' }).click();
    await page.getByLabel('Name', { exact: true }).fill('Second pitch');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('button', { name: 'Connect OBS of Second pitch' }).click();
    expect(await page.content()).not.toContain(key);
    await page.getByRole('button', { name: 'Make a new key…' }).click();
    await page.getByRole('button', { name: 'Make a new key', exact: true }).click();
    expect(await page.getByLabel('Stream key', { exact: true }).inputValue()).not.toBe(key);
    await page.keyboard.press('Escape');

    await page.getByRole('button', { name: 'Delete of Second pitch' }).click();
    const confirm = page.getByRole('button', { name: 'Delete channel' });
    expect(await confirm.isDisabled()).toBe(true);
    await page.getByLabel('Type training to delete it').fill('training');
    await confirm.click();
    await page.locator('#name-training').waitFor({ state: 'detached' });
    expect(await page.evaluate('window.isSamePage')).toBe(true);
  },
  TIMEOUT_MS,
);

test(
  'shows every job on a board that anybody can use',
  async () => {
    const board = await chromium.context.newPage();
    board.on('pageerror', (error) => mistakes.push(error.message));
    await board.goto(`${pipeline.control}/queues/`);
    await board.getByRole('link', { name: 'transcode' }).first().waitFor();
    await board.getByRole('button', { name: 'More' }).first().waitFor();
    expect(await faultsOf(board)).toEqual([]);
    // One job a page, so that there are several.
    await board.evaluate(
      `localStorage.setItem('board-settings', '{"state":{"jobsPerPage":1},"version":2}')`,
    );
    await board.goto(`${pipeline.control}/queues/queue/transcode?status=completed`);
    await board.getByRole('button', { name: 'Copy' }).first().waitFor();
    await board.getByRole('link', { name: 'Page 2' }).waitFor();
    expect(await faultsOf(board)).toEqual([]);
    await board.close();
  },
  TIMEOUT_MS,
);

test(
  'says that it is cut off, comes back by itself, and ends the broadcast',
  async () => {
    const { services } = (await pipeline.api.call('GET', '/v1/services', 200)) as {
      services: { service: string; pid: number }[];
    };
    const control = services.find(({ service }) => service === 'control');
    process.kill(control?.pid ?? 0, 'SIGKILL');
    const outage = page.locator('.outage');
    await outage.waitFor();
    expect(await outage.innerText()).toContain('No connection');
    await outage.waitFor({ state: 'hidden' });
    await page.getByText('Ready for a stream').waitFor();
    await page.getByRole('button', { name: 'End broadcast of final' }).click();
    await page.getByRole('button', { name: 'End broadcast', exact: true }).click();
    await page.getByRole('button', { name: 'Delete of final' }).waitFor();
    await page.getByRole('button', { name: 'Recordings of final' }).click();
    await page.getByRole('link', { name: 'HLS' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Admin token').waitFor();
    expect(mistakes).toEqual([]);
  },
  TIMEOUT_MS,
);
