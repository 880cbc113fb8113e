/** `npm run files [-- folder …]`: what every source file is in charge of, read from the sentence at its head. */
import './node-version.mjs';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(import.meta.dirname, '..');
/** Folders that hold no source of ours. */
const FOREIGN = /(^|\/)(\.[^/]+|dist[^/]*|node_modules|data|coverage)(\/|$)/;
/** A test's name says it already, and declarations describe other people's code. */
const SELF_EVIDENT = /\.test\.ts$|\.d\.ts$/;
/** The first comment, in front of which only a `#!` line may stand. */
const HEAD = /^(?:#!.*\n)?\/\*\*([\s\S]*?)\*\//;

/**
 * Every source file with the first sentence of its head.
 * @param {string} [folder] where to look, relative to the project
 * @returns {{ file: string, does: string | undefined }[]} `does` is undefined where the head is missing
 */
export function describeFiles(folder = '.') {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) =>
      relative(ROOT, join(ROOT, folder, name))
        .split(sep)
        .join('/'),
    )
    .filter((file) => /\.(tsx?|mjs)$/.test(file) && !FOREIGN.test(file) && !SELF_EVIDENT.test(file))
    .sort()
    .map((file) => ({ file, does: firstSentence(readFileSync(join(ROOT, file), 'utf8')) }));
}

/**
 * The first sentence of a file's head: it ends with a full stop, exclamation or question mark that a new sentence or the end follows.
 * @param {string} source
 */
function firstSentence(source) {
  const text = HEAD.exec(source)?.[1]
    ?.replaceAll(/^\s*\* ?/gm, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
  if (text === undefined || text === '') {
    return undefined;
  }
  // `Rec. ITU-T H.264` and the like do not end a sentence.
  const end = /(?<!\b(?:Rec|e\.g|i\.e|cf|vs|No))[.!?](?=\s+[A-Z`{]|$)/.exec(text);
  return end === null ? text : text.slice(0, end.index);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const folders = process.argv.slice(2);
  for (const { file, does } of (folders.length > 0 ? folders : ['.']).flatMap(describeFiles)) {
    console.log(`${file}: ${does ?? '(no head)'}`);
  }
}
