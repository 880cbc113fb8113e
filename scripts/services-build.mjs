/** The build of the services: each program and what it needs, dependencies too, in few files, so that it starts in a third of the time. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { ROOT } from './preflight.mjs';

/** What can be run, by its path below `dist/`. */
const PROGRAMS = [
  'aggregator/main.ts',
  'control/main.ts',
  'control/prepare-store/main.ts',
  'demo/main.ts',
  'edge/main.ts',
  'ingest/main.ts',
  'scheduler/main.ts',
  'supervisor/main.ts',
  'transcoder/main.ts',
  'transcoder/beat-thread.ts',
];
/**
 * They stay in `node_modules`: the first is loaded where there is an S3 only, the next read files that lie beside them, and the last has a part in
 * machine code, which is looked for and done without where it is not found.
 */
const APART = ['@aws-sdk/*', '@bull-board/*', 'express', 'fluent-ffmpeg', 'msgpackr-extract'];
/** What dependencies in the older form of modules expect: Node's own modules by `require`, and to know where they lie. */
const OLDER_FORM = [
  `import { createRequire as requireFrom } from 'node:module';`,
  `const require = requireFrom(import.meta.url);`,
  `const { filename: __filename, dirname: __dirname } = import.meta;`,
].join(' ');

/**
 * Writes `dist/`, beside the old one until it is whole.
 * @returns {Promise<boolean>} whether it succeeded; if not, esbuild has said why
 */
export async function buildServices() {
  // Whoever imports this may be about to install what it needs.
  const { build } = await import('esbuild');
  const dist = join(ROOT, 'dist');
  const folder = `${dist}.${process.pid}`;
  await rm(folder, { recursive: true, force: true });
  try {
    await build({
      absWorkingDir: ROOT,
      entryPoints: PROGRAMS,
      outbase: ROOT,
      outdir: folder,
      chunkNames: 'chunks/[name]-[hash]',
      bundle: true,
      splitting: true,
      platform: 'node',
      format: 'esm',
      target: 'node20.19',
      external: APART,
      banner: { js: OLDER_FORM },
      // A trace names our files and lines; what stands in them is where they are.
      sourcemap: 'linked',
      sourcesContent: false,
      logLevel: 'warning',
    });
  } catch {
    await rm(folder, { recursive: true, force: true });
    return false;
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  await rm(dist, { recursive: true, force: true });
  await rename(folder, dist);
  return true;
}
