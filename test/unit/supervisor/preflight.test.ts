import { describe, expect, test } from '@jest/globals';
import { isInstalled } from '../../../scripts/dependencies.mjs';
import { isNodeSupported } from '../../../scripts/node-version.mjs';
import { installLine, planInstall } from '../../../scripts/packages.mjs';
import { isAtLeast, namesInFfmpegList, parseVersion } from '../../../scripts/programs.mjs';

const missing = [
  { name: 'ffmpeg', isThere: false, detail: '', apt: ['ffmpeg'], brew: ['ffmpeg'] },
  { name: 'ffprobe', isThere: false, detail: '', apt: ['ffmpeg'], brew: ['ffmpeg'] },
  { name: 'redis-server', isThere: false, detail: '', apt: ['redis-server'], brew: ['redis'] },
  {
    name: 'chromium',
    isThere: false,
    detail: '',
    apt: ['chromium', 'fonts-dejavu-core'],
    brew: ['--cask', 'chromium'],
  },
];
const debian = { hasApt: true, hasBrew: false, isRoot: true, hasSudo: false };

describe('versions', () => {
  test('are found in what programs print', () => {
    expect(parseVersion('Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1')).toEqual([
      7, 0, 15,
    ]);
    expect(parseVersion('v=6.2 sha')).toEqual([6, 2, 0]);
    expect(parseVersion('no number here')).toBeUndefined();
  });

  test('compare by number, not by text', () => {
    expect(isAtLeast([7, 0, 15], [6, 2])).toBe(true);
    expect(isAtLeast([6, 10], [6, 2])).toBe(true);
    expect(isAtLeast([6, 2], [6, 2])).toBe(true);
    expect(isAtLeast([6, 0, 16], [6, 2])).toBe(false);
    expect(isAtLeast([5, 9], [6, 2])).toBe(false);
  });

  test('of Node are those that run it from 20.19 to 24', () => {
    expect(['20.19.0', '20.20.2', '22.0.0', '24.22.3'].map(isNodeSupported)).not.toContain(false);
    expect(
      ['20.18.9', '18.20.0', '9.11.2', '25.0.0', '100.1.0'].map(isNodeSupported),
    ).not.toContain(true);
  });
});

describe('what ffmpeg can do', () => {
  test('is read from its lists, flags and aliases included', () => {
    const list = [
      'Encoders:',
      ' V..... = Video',
      ' V....D libx264              libx264 H.264 / AVC (codec h264)',
      ' A....D aac                  AAC (Advanced Audio Coding)',
      '  E mov,mp4         QuickTime / MOV',
      ' TSC scale             V->V       Scale the input video size',
    ].join('\n');
    const names = namesInFfmpegList(list);
    for (const name of ['libx264', 'aac', 'mov', 'mp4', 'scale']) {
      expect(names.has(name)).toBe(true);
    }
    expect(names.has('libx265')).toBe(false);
  });
});

describe('the way to install what is missing', () => {
  test('is one apt-get line as root, without a question', () => {
    const plan = planInstall(missing, debian);
    expect(plan?.isAllowed).toBe(true);
    expect(installLine(missing, plan)).toBe(
      'apt-get update && apt-get install -y --no-install-recommends ffmpeg redis-server chromium fonts-dejavu-core',
    );
  });

  test('is the same with sudo, run only where sudo asks for no password', () => {
    const user = { ...debian, isRoot: false };
    expect(planInstall(missing, user)?.isAllowed).toBe(false);
    expect(planInstall(missing, user)?.line).toMatch(
      /^sudo apt-get update && sudo apt-get install/,
    );
    const trusted = planInstall(missing, { ...user, hasSudo: true });
    expect(trusted?.isAllowed).toBe(true);
    expect(trusted?.commands.every((command) => command[0] === 'sudo' && command[1] === '-n')).toBe(
      true,
    );
  });

  test('is Homebrew where that is the package manager, casks apart', () => {
    const mac = { hasApt: false, hasBrew: true, isRoot: false, hasSudo: false };
    expect(planInstall(missing, mac)?.line).toBe(
      'brew install ffmpeg redis && brew install --cask chromium',
    );
  });

  test('names the programs where no package manager is known', () => {
    const bare = { hasApt: false, hasBrew: false, isRoot: false, hasSudo: false };
    expect(planInstall(missing, bare)).toBeUndefined();
    expect(installLine(missing, undefined)).toContain('ffmpeg, ffprobe, redis-server, chromium');
  });
});

describe('the packages of the lock', () => {
  const lock = {
    packages: {
      '': { version: '1.0.0' },
      'node_modules/a': { version: '1.2.3' },
      'node_modules/only-mac': { version: '1.0.0', optional: true },
    },
  };

  test('are there when every version is the lock’s, for other systems’ packages excepted', () => {
    expect(isInstalled(lock, { packages: { 'node_modules/a': { version: '1.2.3' } } })).toBe(true);
  });

  test('are stale when one is missing or another version', () => {
    expect(isInstalled(lock, { packages: {} })).toBe(false);
    expect(isInstalled(lock, { packages: { 'node_modules/a': { version: '1.2.2' } } })).toBe(false);
  });
});
