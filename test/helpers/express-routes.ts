/** The routes of an Express application, read from its own router: see `router/lib/layer.js` and `route.js`. */
import { z } from 'zod';

interface Layer {
  readonly rawPath?: string | RegExp | readonly (string | RegExp)[];
  readonly route?: { readonly path: unknown; readonly methods: Readonly<Record<string, boolean>> };
  readonly handle?: { readonly stack?: readonly Layer[]; readonly router?: Stack };
}
interface Stack {
  readonly stack: readonly Layer[];
}

const stackSchema = z.custom<Stack>(
  (router) => typeof router === 'function' && 'stack' in router && Array.isArray(router.stack),
);

/** A route, or something mounted at a path. */
export interface ExpressRoute {
  /** As it is written: `/v1/channels/:id`. */
  readonly path: string;
  /** In capitals; `_ALL` for all others. Undefined: middleware or a router, which answers below its path. */
  readonly method: string | undefined;
}

/** Every route and every mount. Throws at a path that is no string. */
export const expressRoutes = (router: unknown): readonly ExpressRoute[] =>
  routesOf(stackSchema.parse(router), '');

function routesOf({ stack }: Stack, prefix: string): ExpressRoute[] {
  return stack.flatMap(({ rawPath, route, handle }) => {
    const paths = [route?.path ?? rawPath ?? '/'].flat(Infinity).map((path) => {
      if (typeof path !== 'string') {
        throw new Error('a path that this test cannot read');
      }
      return `${prefix}${path}`.replaceAll('//', '/');
    });
    if (route !== undefined) {
      return Object.keys(route.methods).flatMap((method) =>
        paths.map((path) => ({ method: method.toUpperCase(), path })),
      );
    }
    const inner = handle?.router ?? (handle?.stack && { stack: handle.stack });
    return paths.flatMap((path) => [
      { method: undefined, path },
      ...(inner === undefined ? [] : routesOf(inner, path)),
    ]);
  });
}
