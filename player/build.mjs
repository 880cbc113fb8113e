/** Builds the player into `dist`: hashed assets, their packed forms, the two pages and the manifest the edge reads. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { BUNDLING, openPagesBuild } from '../scripts/pages-build.mjs';

const here = import.meta.dirname;
/** Bytes after brotli that a viewer loads before the first picture: page code, style, media-chrome, our own engine and hls.js. */
const FIRST_LOAD_BUDGET = 230_000;

const read = (name) => readFile(path.join(here, name), 'utf8');

/** Puts parts into a page. */
function fill(page, parts) {
  return page.replaceAll(/\{\{([a-z]+)\}\}/g, (_match, name) => {
    const part = parts[name];
    if (part === undefined) {
      throw new Error(`page asks for unknown part ${name}`);
    }
    return part;
  });
}

/** Output files that some files consist of, with all that they import. */
function chunksOf(outputs, files) {
  const found = new Set();
  const visit = (name) => {
    if (found.has(name)) {
      return;
    }
    found.add(name);
    for (const { path: target, kind } of outputs[name]?.imports ?? []) {
      if (kind === 'import-statement') {
        visit(target);
      }
    }
  };
  files.forEach(visit);
  return [...found];
}

const bundle = await build({
  ...BUNDLING,
  absWorkingDir: here,
  // The engines are entries, and not only imported: the page loads them from whichever edge is alive.
  entryPoints: {
    player: 'main.ts',
    style: 'player.css',
    'hls-engine': 'hls-engine.ts',
    'dash-engine': 'dash-engine.ts',
  },
  splitting: true,
  chunkNames: '[name]-[hash]',
  metafile: true,
});
const { outputs } = bundle.metafile;
const pages = await openPagesBuild(here, { gzip: true });
await pages.addBundle(bundle);
const icon = await pages.addIcon();

const nameOf = (entry) => Object.keys(outputs).find((name) => outputs[name].entryPoint === entry);
const script = nameOf('main.ts');
const engine = (name) => path.basename(nameOf(`${name}-engine.ts`));
const first = chunksOf(outputs, [script, nameOf('hls-engine.ts')]);
const style = path.basename(nameOf('player.css'));
const head = [
  `<link rel="icon" href="/assets/${icon}" />`,
  `<link rel="stylesheet" href="/assets/${style}" />`,
  ...first
    .slice(1)
    .map((name) => `<link rel="modulepreload" href="/assets/${path.basename(name)}" />`),
  `<script type="module" src="/assets/${path.basename(script)}"></script>`,
].join('\n    ');
const player = fill(await read('pages/player.html'), {
  hls: engine('hls'),
  dash: engine('dash'),
});
const parts = { head, icons: await read('pages/icons.html'), player };
for (const page of ['watch', 'embed']) {
  const html = fill(await read(`pages/${page}.html`), parts);
  await pages.addPage(`${page}.html`, html);
}
const firstLoad = [...first.map((name) => path.basename(name)), style].reduce(
  (sum, name) => sum + (pages.sizes.get(name) ?? 0),
  0,
);
await pages.finish(
  { pages: { watch: 'watch.html', embed: 'embed.html' }, icon },
  { what: 'first load of the player', bytes: firstLoad, budget: FIRST_LOAD_BUDGET },
);
