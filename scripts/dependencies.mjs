/** The packages of `package-lock.json`: whether `node_modules` holds exactly them, and `npm ci` if not. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setUpStep } from './set-up-step.mjs';

/** @typedef {{ packages?: Record<string, { version?: string, optional?: boolean, peer?: boolean }> }} Lock */

/**
 * Whether what npm installed (its hidden lockfile) is what the lock asks for. Optional packages may be missing:
 * they are for other systems.
 * @param {Lock} lock
 * @param {Lock} installed
 * @returns {boolean}
 */
export function isInstalled(lock, installed) {
  const there = installed.packages ?? {};
  return Object.entries(lock.packages ?? {}).every(([path, wanted]) => {
    const found = there[path];
    return (
      path === '' || (found === undefined ? wanted.optional : found.version === wanted.version)
    );
  });
}

/**
 * Runs `npm ci` unless the packages are there.
 * @param {string} root the project's folder
 * @returns {Promise<boolean>} whether they are there now
 */
export async function ensureDependencies(root) {
  if (hasDependencies(root)) {
    return true;
  }
  const npm = process.env.npm_execpath;
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const program =
    npm !== undefined && npm.endsWith('.js') && existsSync(npm) ? [process.execPath, npm] : ['npm'];
  return setUpStep(root, 'Installing packages (npm ci)', [...program, ...args]);
}

/**
 * Whether `node_modules` is what the lock asks for.
 * @param {string} root the project's folder
 * @returns {boolean}
 */
export function hasDependencies(root) {
  try {
    return isInstalled(
      JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')),
      JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')),
    );
  } catch {
    return false;
  }
}
