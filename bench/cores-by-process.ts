/** Which processes a machine's cores are busy with, between two moments. */
import { processTree, ticksByName, TICKS_PER_SECOND } from '../test/helpers/process-tree.ts';

/** Cores that processes of one name kept busy. */
export interface BusyProcess {
  readonly name: string;
  readonly cores: number;
}

/**
 * Watches a process and all under it from now on.
 * @returns the busiest first; those that ended are counted with who started them, as `name's programs`
 */
export function watchProcesses(root: number): () => readonly BusyProcess[] {
  const before = ticksByName(processTree(root));
  const began = performance.now();
  return () => {
    const seconds = (performance.now() - began) / 1000;
    return [...ticksByName(processTree(root))]
      .map(([name, ticks]) => {
        const spent = (ticks - (before.get(name) ?? 0)) / TICKS_PER_SECOND;
        return { name, cores: spent / seconds };
      })
      .toSorted((a, b) => b.cores - a.cores);
  };
}
