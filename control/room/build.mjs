/** Builds the control room into `dist`: hashed assets, their packed forms, the page and the manifest that control reads. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';
import { build } from 'esbuild';

const here = import.meta.dirname;
const TYPES = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
/** Bytes of script and style after brotli. */
const BUDGET = 120_000;

const packBrotli = promisify(brotliCompress);

async function writePacked(file, bytes) {
  const packed = await packBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
  await mkdir(path.dirname(file), { recursive: true });
  await Promise.all([writeFile(file, bytes), writeFile(`${file}.br`, packed)]);
  return packed.length;
}

/** zod brings its messages in fifty languages; the page shows none of them. */
const withoutLanguages = {
  name: 'without-languages',
  setup(context) {
    context.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: '',
    }));
  },
};

const { outputFiles } = await build({
  absWorkingDir: here,
  entryPoints: {
    room: 'main.tsx',
    style: 'room.css',
    'queue-board': 'queue-board.ts',
    'queue-board-style': 'queue-board.css',
  },
  bundle: true,
  format: 'esm',
  target: ['es2022', 'safari16'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  minify: true,
  plugins: [withoutLanguages],
  legalComments: 'none',
  entryNames: '[name]-[hash]',
  outdir: 'assets',
  write: false,
  logLevel: 'warning',
});

const folder = path.join(here, `dist.${process.pid}`);
await rm(folder, { recursive: true, force: true });
const assets = [];
let total = 0;
const add = async (name, bytes) => {
  assets.push({ name, type: TYPES[path.extname(name)] });
  total += await writePacked(path.join(folder, 'assets', name), bytes);
};
for (const file of outputFiles) {
  await add(path.basename(file.path), file.contents);
}
const svg = await readFile(path.join(here, 'icon.svg'));
await add(`icon-${createHash('sha256').update(svg).digest('hex').slice(0, 8)}.svg`, svg);

const named = (start, extension) =>
  assets.find(({ name }) => name.startsWith(`${start}-`) && name.endsWith(extension)).name;
const headOf = (script, style) =>
  [
    `<link rel="stylesheet" href="/assets/${named(style, '.css')}" />`,
    `<script type="module" src="/assets/${named(script, '.js')}"></script>`,
  ].join('\n    ');
const head = [
  `<link rel="icon" href="/assets/${named('icon', '.svg')}" />`,
  headOf('room', 'style'),
].join('\n    ');
const page = (await readFile(path.join(here, 'index.html'), 'utf8')).replace('{{head}}', head);
await writePacked(path.join(folder, 'index.html'), Buffer.from(page));
const manifest = {
  page: 'index.html',
  queueBoardHead: headOf('queue-board', 'queue-board-style'),
  assets,
};
await writeFile(path.join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);

if (total > BUDGET) {
  await rm(folder, { recursive: true });
  throw new Error(`the control room has ${total} bytes, more than the budget of ${BUDGET}`);
}
await rm(path.join(here, 'dist'), { recursive: true, force: true });
await rename(folder, path.join(here, 'dist'));
process.stdout.write(`control room built: ${total} bytes (brotli)\n`);
