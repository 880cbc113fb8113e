/** Paths of the origin: what viewers see, and the clock. Pure. */
import { PATHS, parseDelivery, pathOf, type Delivery } from '#common/contracts/delivery';

/** What a request asks for. */
export type Route = { readonly kind: 'time' } | Delivery;

/** The route of a request target; of a query nothing counts but what `delivery.ts` heeds. */
export const parseRoute = (target: string): Route | undefined =>
  pathOf(target) === PATHS.time ? { kind: 'time' } : parseDelivery(target);
