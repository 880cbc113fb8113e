/** axe-core on a page: what would keep somebody from using it. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { z } from 'zod';

const resultsSchema = z.object({
  violations: z.array(
    z.object({
      id: z.string(),
      impact: z.string().nullable(),
      nodes: z.array(z.object({ html: z.string() })),
    }),
  ),
});

/** Faults that axe-core calls serious or critical, each with the first element at fault. */
export async function seriousFaults(page: Page): Promise<readonly string[]> {
  const file = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  const axe = await readFile(file, 'utf8');
  // Evaluated by the debugger, so that the page's policy, which forbids foreign scripts, stays as it is.
  const results = await page.evaluate<unknown>(
    `(() => { const module = undefined; ${axe}; return axe.run(document); })()`,
  );
  return resultsSchema
    .parse(results)
    .violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`);
}
