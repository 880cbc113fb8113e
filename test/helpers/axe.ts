/** axe-core in a page: what makes it hard to use for some. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { z } from 'zod';

const resultsSchema = z.object({
  violations: z.array(
    z.object({
      id: z.string(),
      impact: z.string().nullish(),
      nodes: z.array(z.object({ html: z.string(), failureSummary: z.string().optional() })),
    }),
  ),
});

const FILE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** The page's serious and critical faults, as `id: element, what is wrong`. */
export async function faultsOf(page: Page): Promise<readonly string[]> {
  await page.evaluate(await readFile(FILE, 'utf8'));
  const results = resultsSchema.parse(
    JSON.parse(await page.evaluate<string>('axe.run().then(JSON.stringify)')),
  );
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(
        ({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary ?? ''}`,
      ),
    );
}
