import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { assetListSchema, readBuiltPages } from '#common/built-pages';
import { openPagesBuild } from '../../../scripts/pages-build.mjs';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'touchline-pages-'));
  await writeFile(path.join(home, 'icon.svg'), '<svg/>');
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

const manifestSchema = assetListSchema.extend({ page: z.string() });
const dist = (): string => path.join(home, 'dist');

async function build(script: string, budget: number, forms = { gzip: true }): Promise<void> {
  const pages = await openPagesBuild(home, forms);
  const contents = Buffer.from(script);
  await pages.addBundle({ outputFiles: [{ path: '/x/assets/main-ABC.js', contents }] });
  await pages.addIcon();
  await pages.addPage('index.html', `<p>${script}</p>`);
  const bytes = pages.sizes.get('main-ABC.js') ?? 0;
  await pages.finish({ page: 'index.html' }, { what: 'a test', bytes, budget });
}

test('what is built is read whole, in every form', async () => {
  await build('let a;', 1_000);
  const { manifest, assets, readPage } = await readBuiltPages(dist(), manifestSchema, {
    gzip: true,
  });
  expect(manifest.assets.map(({ name }) => name)).toEqual([
    'main-ABC.js',
    expect.stringMatching(/^icon-[0-9a-f]{8}\.svg$/),
  ]);
  const script = assets.get('main-ABC.js');
  expect(script?.type).toBe('text/javascript; charset=utf-8');
  expect(script?.plain.toString()).toBe('let a;');
  expect(brotliDecompressSync(script?.brotli ?? '').toString()).toBe('let a;');
  expect(gunzipSync(script?.gzip ?? '').toString()).toBe('let a;');
  expect((await readPage(manifest.page)).plain.toString()).toBe('<p>let a;</p>');
});

test('a form that is not made is not looked for', async () => {
  await build('let a;', 1_000, { gzip: false });
  expect((await readdir(dist())).filter((name) => name.endsWith('.gz'))).toEqual([]);
  const { assets } = await readBuiltPages(dist(), manifestSchema, { gzip: false });
  expect(assets.get('main-ABC.js')?.gzip).toBeUndefined();
  await expect(readBuiltPages(dist(), manifestSchema, { gzip: true })).rejects.toThrow('.gz');
});

test('what is above its budget is not built, and leaves what was built before', async () => {
  await build('let a;', 1_000);
  await expect(build('let b;', 1)).rejects.toThrow(/a test has \d+ bytes, more than .* 1/);
  expect(await readFile(path.join(dist(), 'index.html'), 'utf8')).toBe('<p>let a;</p>');
  expect(await readdir(home)).toEqual(['dist', 'icon.svg']);
});
