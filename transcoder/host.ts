/** The machine under a worker: what it is called, how many cores it has, how many of them this worker may use. */
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, hostname } from 'node:os';

/** Where a worker runs. */
export interface Host {
  /** Names the machine. */
  readonly host: string;
  readonly hostCores: number;
  /** Names the container, or the machine where there is none. */
  readonly scope: string;
  /** Cores of the scope: by affinity, and by the limit of its control group. */
  readonly scopeCores: number;
}

/** The kernel's own name for this boot: containers have host names of their own, but share it. Linux only. */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';
/** Control groups, version 2: `<quota> <period>` in microseconds, or `max <period>`. */
const CPU_MAX = '/sys/fs/cgroup/cpu.max';
/** Version 1: each in a file, -1 for no quota. */
const CFS_QUOTA = '/sys/fs/cgroup/cpu/cpu.cfs_quota_us';
const CFS_PERIOD = '/sys/fs/cgroup/cpu/cpu.cfs_period_us';

/** Reads a small file of the kernel's; undefined where there is none. */
export type ReadText = (path: string) => Promise<string | undefined>;

const readText: ReadText = async (path) => {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined;
  }
};

/** Cores that the control group allows; undefined when it sets no limit. */
export async function coresOfControlGroup(read: ReadText): Promise<number | undefined> {
  const [quota, period] = (await read(CPU_MAX))?.split(' ') ?? [
    await read(CFS_QUOTA),
    await read(CFS_PERIOD),
  ];
  const cores = Number(quota) / Number(period);
  return Number.isFinite(cores) && cores > 0 ? cores : undefined;
}

/** Looks at the machine. */
export async function findHost(read: ReadText = readText): Promise<Host> {
  const affinity = availableParallelism();
  const quota = await coresOfControlGroup(read);
  return {
    host: (await read(BOOT_ID)) ?? hostname(),
    hostCores: Math.max(1, cpus().length),
    scope: hostname(),
    scopeCores: quota === undefined ? affinity : Math.min(affinity, quota),
  };
}
