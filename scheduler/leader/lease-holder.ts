/**
 * What a lease's holder is called. The name tells others on the same machine whose process it is, so that they need not wait for
 * the lease of one that has ended to run out; elsewhere it tells nothing, and they wait.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { identify } from '#common/process-identity';

/**
 * Where process ids mean the same as here: this boot of the kernel (random(4)), and the namespace of process ids (pid_namespaces(7)),
 * which containers have of their own. Undefined where that cannot be told.
 */
function homeOf(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const namespace = readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '');
    return `${boot}.${namespace}`;
  } catch {
    return undefined;
  }
}

/** The name of this process as a holder. */
export function holderName(id: string): string {
  const home = homeOf();
  const identity = identify(process.pid);
  return home === undefined || identity === undefined
    ? id
    : [id, home, identity.pid, identity.started].join('/');
}

/** Whether a holder's process is known to have ended. */
export function hasEnded(holder: string): boolean {
  const [, home, pid, started] = holder.split('/');
  if (home === undefined || home !== homeOf() || !(Number(pid) > 0)) {
    return false;
  }
  const now = identify(Number(pid));
  return now === undefined ? !isHidden(Number(pid)) : now.started !== started;
}

/** Whether a process that nothing is told of is only another user's (`hidepid` of proc(5)). */
function isHidden(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
