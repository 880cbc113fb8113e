/** Builds the control room into `dist`: hashed assets, their packed forms, the page and the manifest that control reads. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { BUNDLING, openPagesBuild } from '../../scripts/pages-build.mjs';

const here = import.meta.dirname;
/** Bytes of script and style after brotli. */
const BUDGET = 120_000;

/** zod brings its messages in fifty languages; the page shows none of them. */
const withoutLanguages = {
  name: 'without-languages',
  setup(context) {
    context.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: '',
    }));
  },
};

const bundle = await build({
  ...BUNDLING,
  absWorkingDir: here,
  entryPoints: {
    room: 'main.tsx',
    style: 'room.css',
    'queue-board': 'queue-board.ts',
    'queue-board-style': 'queue-board.css',
  },
  jsx: 'automatic',
  jsxImportSource: 'preact',
  plugins: [withoutLanguages],
});
// Browsers of operators take brotli.
const pages = await openPagesBuild(here, { gzip: false });
await pages.addBundle(bundle);
const icon = await pages.addIcon();

const named = (start, extension) =>
  pages.assets.find(({ name }) => name.startsWith(`${start}-`) && name.endsWith(extension)).name;
const headOf = (script, style) =>
  [
    `<link rel="stylesheet" href="/assets/${named(style, '.css')}" />`,
    `<script type="module" src="/assets/${named(script, '.js')}"></script>`,
  ].join('\n    ');
const head = [`<link rel="icon" href="/assets/${icon}" />`, headOf('room', 'style')].join('\n    ');
const page = (await readFile(path.join(here, 'index.html'), 'utf8')).replace('{{head}}', head);
await pages.addPage('index.html', page);
await pages.finish(
  { page: 'index.html', queueBoardHead: headOf('queue-board', 'queue-board-style') },
  {
    what: 'control room',
    bytes: [...pages.sizes.values()].reduce((sum, bytes) => sum + bytes, 0),
    budget: BUDGET,
  },
);
