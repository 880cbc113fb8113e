/** Installing programs with the system's package manager, where that is allowed without asking anyone. */
import process from 'node:process';
import { capture } from './command.mjs';
import { setUpStep } from './set-up-step.mjs';

/**
 * @typedef {object} Installer
 * @property {string} line what a person would type
 * @property {boolean} isAllowed whether it can run now, without a password
 * @property {readonly (readonly string[])[]} commands
 */

/**
 * The commands that bring the missing programs on a machine like this one.
 * @param {readonly import('./programs.mjs').Finding[]} missing
 * @param {{ hasApt: boolean, hasBrew: boolean, isRoot: boolean, hasSudo: boolean }} machine
 * @returns {Installer | undefined} undefined where no known package manager is there
 */
export function planInstall(missing, machine) {
  if (machine.hasApt) {
    const packages = unique(missing.flatMap((program) => program.apt));
    const install = ['apt-get', 'install', '-y', '--no-install-recommends', ...packages];
    const elevate = machine.isRoot ? [] : ['sudo', '-n'];
    const shown = machine.isRoot ? '' : 'sudo ';
    return {
      line: `${shown}apt-get update && ${shown}${install.join(' ')}`,
      isAllowed: machine.isRoot || machine.hasSudo,
      commands: [
        [...elevate, 'apt-get', 'update'],
        [...elevate, 'env', 'DEBIAN_FRONTEND=noninteractive', ...install],
      ],
    };
  }
  if (machine.hasBrew) {
    const formulas = unique(
      missing.filter((p) => p.brew[0] !== '--cask').flatMap((program) => program.brew),
    );
    const casks = missing.filter((p) => p.brew[0] === '--cask').map((program) => program.brew);
    const commands = [
      ...(formulas.length > 0 ? [['brew', 'install', ...formulas]] : []),
      ...casks.map((cask) => ['brew', 'install', ...cask]),
    ];
    return {
      line: commands.map((command) => command.join(' ')).join(' && '),
      isAllowed: !machine.isRoot,
      commands,
    };
  }
  return undefined;
}

/**
 * The one line that installs what is missing.
 * @param {readonly import('./programs.mjs').Finding[]} missing
 * @param {Installer | undefined} installer
 * @returns {string}
 */
export function installLine(missing, installer) {
  const names = missing.map((program) => program.name).join(', ');
  return installer?.line ?? `install ${names} with your system's package manager`;
}

/** Looks at this machine. */
export async function describeMachine() {
  const isRoot = process.getuid?.() === 0;
  const [apt, brew, sudo] = await Promise.all([
    capture('apt-get', ['--version']),
    capture('brew', ['--version']),
    isRoot ? { code: 0 } : capture('sudo', ['-n', 'true']),
  ]);
  return { hasApt: apt.code === 0, hasBrew: brew.code === 0, isRoot, hasSudo: sudo.code === 0 };
}

/**
 * Runs an installer's commands, each as a line of the set-up.
 * @param {Installer} installer
 * @param {string} root the project's folder
 * @param {string} names what is being installed
 * @returns {Promise<boolean>} whether all of them succeeded
 */
export async function install(installer, root, names) {
  for (const command of installer.commands) {
    const title = command.includes('update') ? 'Reading package lists' : `Installing ${names}`;
    if (!(await setUpStep(root, title, command))) {
      return false;
    }
  }
  return true;
}

/**
 * @param {readonly string[]} names
 * @returns {string[]}
 */
function unique(names) {
  return [...new Set(names)];
}
