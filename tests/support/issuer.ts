import { join } from "node:path";
import { within } from "./wait.ts";

export type IssuerRequest = { id: string } & (
  | { claims: Record<string, unknown>; isInUserInfo?: boolean }
  | { newKey: string }
  | { token: Record<string, unknown> }
);
export interface IssuerAnswer {
  id: string;
  url?: string;
  token?: string;
}
type Ask = IssuerRequest extends infer One ? (One extends IssuerRequest ? Omit<One, "id"> : never) : never;

const ANSWER_MS = 10_000;

/** An issuer that others wrote, in a process of its own. */
export class Issuer implements AsyncDisposable {
  private readonly waiting = new Map<string, (answer: IssuerAnswer) => void>();
  private readonly process: Bun.Subprocess;
  url = "";

  private constructor() {
    this.process = Bun.spawn([process.execPath, join(import.meta.dirname, "issuer-process.ts")], {
      stdio: ["ignore", "ignore", "inherit"],
      ipc: (message) => {
        const answer = message as IssuerAnswer;
        this.waiting.get(answer.id)?.(answer);
        this.waiting.delete(answer.id);
      },
    });
  }

  static async start(): Promise<Issuer> {
    const issuer = new Issuer();
    issuer.url = (await issuer.answer("ready")).url ?? "";
    return issuer;
  }

  /** An access token as the issuer signs it: `kid` is the key, and `null` leaves a claim out. */
  async token(token: Record<string, unknown>): Promise<string> {
    return (await this.ask({ token })).token ?? "";
  }

  /** What it says about everybody who signs in there in a browser. */
  async says(claims: Record<string, unknown>, isInUserInfo = false): Promise<void> {
    await this.ask({ claims, isInUserInfo });
  }

  /** From now on it has one more key. */
  async addKey(newKey: string): Promise<void> {
    await this.ask({ newKey });
  }

  private ask(request: Ask): Promise<IssuerAnswer> {
    const id = crypto.randomUUID();
    const answer = this.answer(id);
    this.process.send({ id, ...request });
    return answer;
  }

  private answer(id: string): Promise<IssuerAnswer> {
    const answer = new Promise<IssuerAnswer>((resolve) => this.waiting.set(id, resolve));
    return within(ANSWER_MS, "an answer of the issuer", answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
  }
}
