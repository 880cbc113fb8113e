/**
 * `npm run files`: writes `docs/files.md`, what every file is in charge of, from the first sentence of the comment at
 * its head. With `--check`, says instead whether the document is up to date.
 */
import './node-version.mjs';
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { ROOT } from './preflight.mjs';

const FOLDERS = [
  ...['common', 'ingest', 'scheduler', 'transcoder', 'aggregator', 'edge', 'player'],
  ...['supervisor', 'demo', 'scripts', 'bench', 'test'],
];
const DOCUMENT = join(ROOT, 'docs', 'files.md');
const HEAD = `# Files

What every file is in charge of: the first sentence of its own head. Written by \`npm run files\`.
`;

/**
 * The first sentence of a source's first doc comment.
 * @param {string} source
 */
function firstSentence(source) {
  const comment = /\/\*\*([\s\S]*?)\*\//.exec(source)?.[1] ?? '';
  const lines = comment.split('\n').map((line) => line.trim().replace(/^\*\s?/, ''));
  const [paragraph = ''] = lines.join('\n').trim().split('\n\n');
  const text = paragraph.replaceAll('\n', ' ');
  // A full stop ends a sentence where a capital follows, or nothing.
  const end = text.search(/\.(?=\s+[A-Z`@{]|\s*$)/);
  return (end < 0 ? text : text.slice(0, end)).replace(/^`npm [^`]*`: /, '');
}

/** @param {string} folder */
async function list(folder) {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', folder], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const files = listed
    .split('\n')
    .filter((file) => /\.(ts|mjs)$/.test(file) && !file.endsWith('.d.ts'));
  const rows = await Promise.all(
    files
      .filter((file) => !file.endsWith('.test.ts'))
      .map(async (file) => [file, firstSentence(await readFile(join(ROOT, file), 'utf8'))]),
  );
  return [`\n## ${folder}\n`, ...rows.map(([file, sentence]) => `- \`${file}\`: ${sentence}`)].join(
    '\n',
  );
}

const text = `${[HEAD, ...(await Promise.all(FOLDERS.map(list)))].join('\n')}\n`;
const { format, resolveConfig } = await import('prettier');
const options = await resolveConfig(DOCUMENT);
const pretty = await format(text, { ...options, parser: 'markdown' });
if (process.argv.includes('--check')) {
  const kept = await readFile(DOCUMENT, 'utf8').catch(() => '');
  if (kept !== pretty) {
    console.error('docs/files.md is not up to date: run `npm run files`');
    process.exitCode = 1;
  }
} else {
  await writeFile(DOCUMENT, pretty);
}
