/** Builds the player into `dist`: hashed assets, their packed forms, the two pages and the manifest the edge reads. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { build } from 'esbuild';

const here = import.meta.dirname;
const TYPES = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};
/** Bytes after brotli that a viewer loads before the first picture: page code, style, media-chrome and hls.js. */
const FIRST_LOAD_BUDGET = 220_000;

const packGzip = promisify(gzip);
const packBrotli = promisify(brotliCompress);

const read = (name) => readFile(path.join(here, name), 'utf8');

async function writePacked(folder, name, bytes) {
  const file = path.join(folder, name);
  const packed = await packBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
  await mkdir(path.dirname(file), { recursive: true });
  await Promise.all([
    writeFile(file, bytes),
    writeFile(`${file}.gz`, await packGzip(bytes, { level: 9 })),
    writeFile(`${file}.br`, packed),
  ]);
  return packed.length;
}

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
  absWorkingDir: here,
  // The engines are entries, and not only imported: the page loads them from whichever edge is alive.
  entryPoints: {
    player: 'main.ts',
    style: 'player.css',
    'hls-engine': 'hls-engine.ts',
    'dash-engine': 'dash-engine.ts',
  },
  bundle: true,
  splitting: true,
  format: 'esm',
  target: ['es2022', 'safari16'],
  minify: true,
  legalComments: 'none',
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  outdir: 'assets',
  metafile: true,
  write: false,
  logLevel: 'warning',
});

const folder = path.join(here, `dist.${process.pid}`);
await rm(folder, { recursive: true, force: true });
const { outputs } = bundle.metafile;
const assets = [];
const sizes = new Map();
const add = async (name, bytes) => {
  assets.push({ name, type: TYPES[path.extname(name)] });
  sizes.set(name, await writePacked(folder, path.join('assets', name), bytes));
};
for (const file of bundle.outputFiles) {
  await add(path.basename(file.path), file.contents);
}
const svg = Buffer.from(await read('icon.svg'));
const icon = `icon-${createHash('sha256').update(svg).digest('hex').slice(0, 8)}.svg`;
await add(icon, svg);

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
  await writePacked(folder, `${page}.html`, Buffer.from(html));
}
const manifest = { pages: { watch: 'watch.html', embed: 'embed.html' }, icon, assets };
await writeFile(path.join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);

const firstLoad = [...first.map((name) => path.basename(name)), style].reduce(
  (sum, name) => sum + (sizes.get(name) ?? 0),
  0,
);
if (firstLoad > FIRST_LOAD_BUDGET) {
  await rm(folder, { recursive: true });
  throw new Error(
    `first load has ${firstLoad} bytes, more than the budget of ${FIRST_LOAD_BUDGET}`,
  );
}
await rm(path.join(here, 'dist'), { recursive: true, force: true });
await rename(folder, path.join(here, 'dist'));
process.stdout.write(`player built: first load ${firstLoad} bytes (brotli)\n`);
