/** Builds the player into `dist`: hashed assets, their packed forms, the pages and the manifest the edge reads. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { BUNDLING, openPagesBuild } from '../scripts/pages-build.mjs';

const here = import.meta.dirname;
/** Bytes after brotli that a viewer loads before the first picture of a channel in low latency: page code, style, media-chrome and our own engine. */
const FIRST_LOAD_BUDGET = 75_000;

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
    multiview: 'multiview/main.ts',
    'multiview-style': 'multiview.css',
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
const engines = Object.fromEntries(
  ['hls', 'dash'].map((name) => [name, path.basename(nameOf(`${name}-engine.ts`))]),
);

/** A page's files: its script and what that imports, which is to be on its way at once, and its style. */
function filesOf(script, style) {
  const [entry, ...imported] = chunksOf(outputs, [nameOf(script)]);
  return {
    script: path.basename(entry),
    imported: imported.map((name) => path.basename(name)),
    style: path.basename(nameOf(style)),
  };
}

const headOf = ({ script, imported, style }) =>
  [
    `<link rel="icon" href="/assets/${icon}" />`,
    `<link rel="stylesheet" href="/assets/${style}" />`,
    ...imported.map((name) => `<link rel="modulepreload" href="/assets/${name}" />`),
    `<script type="module" src="/assets/${script}"></script>`,
  ].join('\n    ');

const one = filesOf('main.ts', 'player.css');
const several = filesOf('multiview/main.ts', 'multiview.css');
const parts = {
  ...engines,
  icons: await read('pages/icons.html'),
  top: await read('pages/top.html'),
  player: fill(await read('pages/player.html'), engines),
};
for (const [page, files] of Object.entries({ watch: one, embed: one, multiview: several })) {
  const html = fill(await read(`pages/${page}.html`), { ...parts, head: headOf(files) });
  await pages.addPage(`${page}.html`, html);
}
const firstLoad = [one.script, ...one.imported, one.style].reduce(
  (sum, name) => sum + (pages.sizes.get(name) ?? 0),
  0,
);
await pages.finish(
  { pages: { watch: 'watch.html', embed: 'embed.html', multiview: 'multiview.html' }, icon },
  { what: 'first load of the player', bytes: firstLoad, budget: FIRST_LOAD_BUDGET },
);
