/** What follows from a feed's row. */
import type { FeedRow } from '../bindings/FeedRow';

/** It is live, but not over all the endpoints that it should have. */
export function isDegraded(feed: FeedRow): boolean {
  return feed.state === 'live' && feed.level !== 'ok';
}

/** A capture has no connection that could be cut. */
export function hasDrill(feed: FeedRow): boolean {
  return feed.protocol !== 'file';
}
