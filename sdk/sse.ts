/** One server-sent event as it stands on the wire. */
export interface SseEvent {
  event: string;
  /** The last id the stream has named, also by an event before this one. */
  id: string | undefined;
  data: string;
}

/** More than this in one line or one event is not a stream of ours. */
const MAX_EVENT_LENGTH = 16 * 1024 * 1024;

/**
 * Reads the text/event-stream format (WHATWG HTML) from chunks of bytes that may end anywhere.
 * An event that the stream's end cuts off is dropped, as the format asks.
 */
export class SseParser {
  private readonly decoder = new TextDecoder();
  private rest = "";
  private data: string[] = [];
  private dataLength = 0;
  private event = "";
  private id: string | undefined;

  /** The events that are complete with this chunk. Throws RangeError when one grows beyond all measure. */
  push(chunk: Uint8Array): SseEvent[] {
    const text = this.rest + this.decoder.decode(chunk, { stream: true });
    const events: SseEvent[] = [];
    // Our server ends lines with LF alone, so the fast search is the usual one.
    const nextEnd = text.includes("\r") ? anyLineEnd : plainLineEnd;
    let start = 0;
    for (;;) {
      const end = nextEnd(text, start);
      if (end === undefined) break;
      const event = this.line(text.slice(start, end.at));
      if (event) events.push(event);
      start = end.next;
    }
    this.rest = text.slice(start);
    if (this.rest.length + this.dataLength > MAX_EVENT_LENGTH) {
      throw new RangeError(`an event is longer than ${MAX_EVENT_LENGTH} characters`);
    }
    return events;
  }

  private line(line: string): SseEvent | undefined {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const from = line.charAt(colon + 1) === " " ? colon + 2 : colon + 1;
    const value = colon < 0 ? "" : line.slice(from);
    if (field === "data") {
      this.data.push(value);
      this.dataLength += value.length + 1;
    } else if (field === "event") {
      this.event = value;
    } else if (field === "id" && !value.includes("\0")) {
      this.id = value === "" ? undefined : value;
    }
    return undefined;
  }

  private dispatch(): SseEvent | undefined {
    const { data, event } = this;
    this.data = [];
    this.dataLength = 0;
    this.event = "";
    if (data.length === 0) return undefined;
    return { event: event === "" ? "message" : event, id: this.id, data: data.join("\n") };
  }
}

/** Where a line ends, and where the next begins. */
interface LineEnd {
  at: number;
  next: number;
}

function plainLineEnd(text: string, start: number): LineEnd | undefined {
  const at = text.indexOf("\n", start);
  return at < 0 ? undefined : { at, next: at + 1 };
}

/** Undefined while the end cannot be told yet. */
function anyLineEnd(text: string, start: number): LineEnd | undefined {
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 10) return { at, next: at + 1 };
    if (code !== 13) continue;
    // A CR at the very end may be the first half of a CRLF whose LF is in the next chunk.
    if (at + 1 === text.length) return undefined;
    return { at, next: text.charCodeAt(at + 1) === 10 ? at + 2 : at + 1 };
  }
  return undefined;
}
