/** One server-sent event as it is on the wire. */
export interface SseEvent {
  event: string;
  /** The stream's latest id, which an earlier event may have set. */
  id: string | undefined;
  data: string;
}

/** Our server never sends a line or an event longer than this. */
const MAX_EVENT_LENGTH = 16 * 1024 * 1024;

/**
 * Parses the text/event-stream format (WHATWG HTML) from chunks of bytes that may end anywhere.
 * An event cut off by the end of the stream is dropped, as the format requires.
 */
export class SseParser {
  private readonly decoder = new TextDecoder();
  /** The pieces of a line without its end. None has a line end, except that the last may end with CR. */
  private rest: string[] = [];
  private restLength = 0;
  private data: string[] = [];
  private dataLength = 0;
  private event = "";
  private id: string | undefined;

  /** Returns the events this chunk completes. Throws RangeError if an event exceeds 16 Mi characters. */
  push(chunk: Uint8Array): SseEvent[] {
    const text = this.takeCarriageReturn() + this.decoder.decode(chunk, { stream: true });
    const events: SseEvent[] = [];
    // Our server ends lines with LF alone, so the fast search is the usual case.
    const nextEnd = text.includes("\r") ? anyLineEnd : plainLineEnd;
    let start = 0;
    for (let end = nextEnd(text, start); end; end = nextEnd(text, start)) {
      const event = this.line(this.takeRest() + text.slice(start, end.at));
      if (event) events.push(event);
      start = end.next;
    }
    this.keep(text.slice(start));
    if (this.restLength + this.dataLength > MAX_EVENT_LENGTH) {
      throw new RangeError(`an event is longer than ${MAX_EVENT_LENGTH} characters`);
    }
    return events;
  }

  private keep(piece: string): void {
    if (piece === "") return;
    this.rest.push(piece);
    this.restLength += piece.length;
  }

  private takeRest(): string {
    if (this.restLength === 0) return "";
    const rest = this.rest.join("");
    this.rest = [];
    this.restLength = 0;
    return rest;
  }

  /** Whether it is the end of a line, or half of a CRLF, shows only in the next chunk. */
  private takeCarriageReturn(): string {
    if (!this.rest.at(-1)?.endsWith("\r")) return "";
    this.keep(this.takeRest().slice(0, -1));
    return "\r";
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

/** The end of a line, and the start of the next. */
interface LineEnd {
  at: number;
  next: number;
}

function plainLineEnd(text: string, start: number): LineEnd | undefined {
  const at = text.indexOf("\n", start);
  return at < 0 ? undefined : { at, next: at + 1 };
}

/** Undefined until the end of the line is known. */
function anyLineEnd(text: string, start: number): LineEnd | undefined {
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 10) return { at, next: at + 1 };
    if (code !== 13) continue;
    // A CR at the very end may be the first half of a CRLF; the next chunk then begins with LF.
    if (at + 1 === text.length) return undefined;
    return { at, next: text.charCodeAt(at + 1) === 10 ? at + 2 : at + 1 };
  }
  return undefined;
}
