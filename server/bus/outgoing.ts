/** Messages that wait to be sent, oldest first. When the queue is full, it drops the oldest and counts it. */
export class OutgoingQueue {
  /** How many messages were dropped since the start. */
  dropped = 0;
  private items: Outgoing[] = [];
  private head = 0;
  private bytes = 0;

  constructor(
    private readonly maxMessages: number,
    private readonly maxBytes: number,
  ) {}

  get size(): number {
    return this.items.length - this.head;
  }

  push(item: Outgoing): void {
    this.items.push(item);
    this.bytes += item.bytes;
    this.dropOldest();
  }

  /** Removes the oldest messages, about `maxBytes` in total, but at least one if there are any. */
  take(maxBytes: number): Outgoing[] {
    const first = this.head;
    for (let bytes = 0; this.head < this.items.length && bytes < maxBytes; this.head++) {
      bytes += this.items[this.head]?.bytes ?? 0;
    }
    const taken = this.items.slice(first, this.head);
    for (const item of taken) this.bytes -= item.bytes;
    this.forgetTaken();
    return taken;
  }

  /** Puts messages that could not be sent back in front. */
  giveBack(items: readonly Outgoing[]): void {
    this.items = [...items, ...this.items.slice(this.head)];
    this.head = 0;
    for (const item of items) this.bytes += item.bytes;
    this.dropOldest();
  }

  private dropOldest(): void {
    while (this.size > this.maxMessages || (this.bytes > this.maxBytes && this.size > 1)) {
      this.bytes -= this.items[this.head]?.bytes ?? 0;
      this.head++;
      this.dropped++;
    }
    this.forgetTaken();
  }

  /** Frees the slots of removed messages now and then, so that the cost of `take` does not grow with the queue. */
  private forgetTaken(): void {
    if (this.head < 1_024 && this.head < this.items.length) return;
    if (this.head * 2 < this.items.length) return;
    this.items = this.items.slice(this.head);
    this.head = 0;
  }
}

export interface Outgoing {
  channel: string;
  message: unknown;
  /** About how much memory it takes. */
  bytes: number;
}

/** Notices only say that something is new, so equal notices are sent once. */
const NOTICE_BYTES = 512;

/** One JSON list of messages per channel, in the order of the channels' first messages. */
export function envelopes(items: readonly Outgoing[]): { channel: string; json: string }[] {
  const texts = new Map<string, Set<string> | string[]>();
  for (const { channel, message, bytes } of items) {
    const isNotice = bytes <= NOTICE_BYTES;
    const known = texts.get(channel) ?? (isNotice ? new Set<string>() : []);
    texts.set(channel, known);
    const text = JSON.stringify(message);
    if (known instanceof Set) known.add(text);
    else known.push(text);
  }
  return [...texts].map(([channel, list]) => ({ channel, json: `[${[...list].join(",")}]` }));
}
