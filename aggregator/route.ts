/** Paths of the origin: what viewers see, and the clock. Pure. */
import { PATHS, parseDelivery, pathOf, type Delivery } from '#common/contracts/delivery';

/** What a request asks for. */
export type Route = { readonly kind: 'time' } | Delivery;

/** The route of a request target; of a query only a media playlist's directives count. */
export const parseRoute = (target: string): Route | 'malformed' | undefined =>
  pathOf(target) === PATHS.time ? { kind: 'time' } : parseDelivery(target);
