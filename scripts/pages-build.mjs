/** What the builds of the player and the control room do alike: assets named by their content, packed forms, a folder swapped in whole. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

/** Of every bundle for browsers. The targets have all that the pages use. */
export const BUNDLING = {
  bundle: true,
  format: 'esm',
  target: ['es2022', 'safari16'],
  minify: true,
  legalComments: 'none',
  entryNames: '[name]-[hash]',
  outdir: 'assets',
  write: false,
  logLevel: 'warning',
};

/** @type {Readonly<Record<string, string | undefined>>} */
const TYPES = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const packBrotli = promisify(brotliCompress);
const packGzip = promisify(gzip);

/**
 * Writes `dist` of a folder of pages, beside the old one until {@link finish} puts it in its place.
 * @param {string} home the folder with the sources
 * @param {{ gzip: boolean }} forms whether there is a form for browsers that do not take brotli
 */
export async function openPagesBuild(home, forms) {
  const folder = join(home, `dist.${process.pid}`);
  await rm(folder, { recursive: true, force: true });
  /** @type {{ name: string, type: string | undefined }[]} */
  const assets = [];
  /**
   * Bytes of each asset after brotli.
   * @type {Map<string, number>}
   */
  const sizes = new Map();

  /**
   * @param {string} name
   * @param {Uint8Array} bytes
   */
  const writePacked = async (name, bytes) => {
    const file = join(folder, name);
    const packed = await packBrotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } });
    await mkdir(dirname(file), { recursive: true });
    await Promise.all([writeFile(file, bytes), writeFile(`${file}.br`, packed)]);
    if (forms.gzip) {
      await writeFile(`${file}.gz`, await packGzip(bytes, { level: 9 }));
    }
    return packed.length;
  };
  /**
   * @param {string} name
   * @param {Uint8Array} bytes
   */
  const addAsset = async (name, bytes) => {
    assets.push({ name, type: TYPES[extname(name)] });
    sizes.set(name, await writePacked(join('assets', name), bytes));
  };

  return {
    assets,
    sizes,
    /**
     * Adds what esbuild made.
     * @param {{ outputFiles: readonly { path: string, contents: Uint8Array }[] }} bundle
     */
    addBundle: async ({ outputFiles }) => {
      for (const { path, contents } of outputFiles) {
        await addAsset(basename(path), contents);
      }
    },
    /** Adds `icon.svg`; resolves with its name among the assets. */
    addIcon: async () => {
      const svg = await readFile(join(home, 'icon.svg'));
      const name = `icon-${createHash('sha256').update(svg).digest('hex').slice(0, 8)}.svg`;
      await addAsset(name, svg);
      return name;
    },
    /**
     * Adds a page, which is no asset: its name stays.
     * @param {string} name
     * @param {string} html
     */
    addPage: async (name, html) => {
      await writePacked(name, Buffer.from(html));
    },
    /**
     * Writes the manifest, which lists the assets beside what it is given, and puts the folder in its place.
     * @param {object} manifest
     * @param {{ what: string, bytes: number, budget: number }} size of what is held to a budget, after brotli
     * @throws when it is above the budget; the old folder then stays
     */
    finish: async (manifest, { what, bytes, budget }) => {
      if (bytes > budget) {
        await rm(folder, { recursive: true });
        throw new Error(`${what} has ${bytes} bytes, more than the budget of ${budget}`);
      }
      const text = JSON.stringify({ ...manifest, assets }, null, 2);
      await writeFile(join(folder, 'manifest.json'), `${text}\n`);
      await rm(join(home, 'dist'), { recursive: true, force: true });
      await rename(folder, join(home, 'dist'));
      process.stdout.write(`${what}: ${bytes} bytes (brotli)\n`);
    },
  };
}
