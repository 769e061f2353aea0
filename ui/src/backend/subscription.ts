/**
 * Keeps the numbered pushes whole: a hole in the numbers, or a silence, means to subscribe again. Pushes of an earlier
 * subscription are ignored; there is at most one new subscription a second.
 */
import type { Push } from '../bindings/Push';
import type { PushBody } from '../bindings/PushBody';

const AT_MOST_EVERY_MS = 1000;

export class Subscription {
  /** When the last push in order came; `null`: none yet. */
  heardAt: number | null = null;
  private generation = 0;
  private next = 0;
  private askedAt = -Infinity;
  private retry: ReturnType<typeof setTimeout> | null = null;

  constructor(
    private readonly subscribe: (onPush: (push: Push) => void) => Promise<void>,
    private readonly onBody: (body: PushBody) => void,
    private readonly clock: () => number,
    private readonly onTrouble: (error: unknown) => void
  ) {}

  start(): void {
    const wait = this.askedAt + AT_MOST_EVERY_MS - this.clock();
    if (wait > 0) {
      this.retry ??= setTimeout(() => {
        this.retry = null;
        this.start();
      }, wait);
      return;
    }
    this.askedAt = this.clock();
    const generation = ++this.generation;
    this.next = 0;
    this.subscribe((push) => this.receive(generation, push)).catch((error: unknown) => {
      this.onTrouble(error);
      if (generation === this.generation) this.start();
    });
  }

  stop(): void {
    this.generation++;
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
  }

  private receive(generation: number, push: Push): void {
    if (generation !== this.generation) return;
    if (push.number !== this.next) {
      // Nothing after a hole can be trusted: wait for the new snapshot.
      this.generation++;
      this.start();
      return;
    }
    this.next++;
    this.heardAt = this.clock();
    this.onBody(push.body);
  }
}
