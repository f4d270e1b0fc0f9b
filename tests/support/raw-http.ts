import { connect, type Socket } from "node:net";
import { within } from "./wait.ts";

const LIMIT_MS = 20_000;

/** A connection on which a test sends bytes that no client would send, and reads the response. */
export class RawHttp implements Disposable {
  private readonly socket: Socket;
  private readonly ended: Promise<void>;
  private text = "";
  private onText: () => void = () => undefined;

  constructor(port: number, head: string[]) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (chunk) => {
      this.text += chunk.toString();
      this.onText();
    });
    this.socket.on("error", () => undefined); // A connection that is broken off has said all that it will.
    this.ended = new Promise((resolve) => this.socket.on("close", () => resolve()));
    this.write(`${head.join("\r\n")}\r\n\r\n`);
  }

  write(text: string | Uint8Array): void {
    this.socket.write(text);
  }

  /** The status of the response, as soon as it arrives. */
  async status(): Promise<number> {
    const line = new Promise<string>((resolve) => {
      this.onText = () => this.text.includes("\r\n") && resolve(this.text);
      this.onText();
    });
    const said = await within(LIMIT_MS, "an answer", line);
    return Number(/^HTTP\/1\.\d (\d{3})/.exec(said)?.[1]);
  }

  /** Everything the server sent until it closed the connection. */
  async whole(): Promise<string> {
    await within(LIMIT_MS, "the end of the connection", this.ended);
    return this.text;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
