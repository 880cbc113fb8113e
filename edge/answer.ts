/** Answers a request for media out of the cache: at once, or from a place for those who wait. */
import type { Exchange } from './exchange.ts';
import type { Held } from './held.ts';
import type { MediaAnswer, MediaCache } from './media-cache.ts';
import type { EdgeMetrics } from './metrics.ts';
import type { MediaRoute } from './paths.ts';
import { sendMedia, sendStatus } from './send.ts';

/** What answering needs. */
export interface AnswerOptions {
  readonly cache: MediaCache;
  readonly metrics: EdgeMetrics;
  readonly held: Held;
}

/** See the head of this file. */
export function answerMedia(
  { cache, metrics, held }: AnswerOptions,
  exchange: Exchange,
  route: MediaRoute,
): void {
  const send = (found: MediaAnswer): void => {
    if (!exchange.isSettled()) {
      metrics.onAnswer(route.media, sendMedia(exchange, route, found));
    }
  };
  const found = cache.get(route);
  if (!(found instanceof Promise)) {
    send(found);
    return;
  }
  const leave = held.enter(exchange.address);
  if (leave === undefined) {
    sendStatus(exchange, 503, { 'retry-after': '1' });
    return;
  }
  exchange.body.once('close', leave);
  void found.then((late) => {
    leave();
    send(late);
  });
}
