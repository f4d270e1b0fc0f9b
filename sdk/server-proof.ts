import type { EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import { ComputeError } from "../shared/errors.ts";
import { proofText } from "../shared/server-proof.ts";
import { isTemporary, OtherServerError } from "./errors.ts";

const NONCE_BYTES = 32;
/** So long after an answer, with no request under way, the server may have gone and somebody else have come. */
const STILL_THERE_MS = 5_000;

export interface ServerProofOptions {
  /** As the client speaks to it. */
  url: string;
  /** The server's public key, as it was learnt at the sign-in; undefined: the first one is learnt now, if it is proven. */
  key: string | undefined;
  /** What a person can do where another server answers: a sentence without its full stop. */
  todo: string;
  /** Called once where there is no key yet and the server proves none for this URL: it is believed as it is. */
  onUnproven?: (why: string) => void;
}

/** Called when a request is over: with true where it was answered on a connection that stays. */
export type EndRequest = (isStillThere: boolean) => void;

export type AskIdentity = (
  input: EndpointInput<"server.identity">,
) => Promise<EndpointOutput<"server.identity">>;

/**
 * Makes sure that a URL still leads to the server it is taken for, before any token or key is sent there. One proof holds
 * as long as a request to that server is under way or was answered just now: a connection that broke, or a pause, ends it.
 * TLS proves as much by itself, so for https there is nothing to do.
 */
export class ServerProof {
  /** The key that this URL is taken for; undefined: none is known. */
  key: string | undefined;
  private readonly options: ServerProofOptions;
  private readonly isNeeded: boolean;
  private pending: Promise<void> | undefined;
  private isProven = false;
  private underWay = 0;
  private answeredAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ServerProofOptions) {
    this.options = options;
    this.key = options.key;
    this.isNeeded = options.url.startsWith("http:");
  }

  /**
   * To be called before a request, which begins with it. Throws OtherServerError where another server answers, and what
   * `ask` throws where none does.
   */
  async begin(ask: AskIdentity): Promise<EndRequest> {
    if (this.isNeeded && !this.holds()) {
      this.pending ??= this.prove(ask).finally(() => (this.pending = undefined));
      await this.pending;
    }
    this.underWay++;
    return (isStillThere) => {
      this.underWay--;
      this.isProven &&= isStillThere;
      if (isStillThere) this.answeredAtMs = performance.now();
    };
  }

  private holds(): boolean {
    return this.isProven && (this.underWay > 0 || performance.now() - this.answeredAtMs < STILL_THERE_MS);
  }

  private async prove(ask: AskIdentity): Promise<void> {
    this.isProven = false;
    const { url } = this.options;
    const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(NONCE_BYTES))).toString("base64url");
    const answer = await ask({ nonce, url }).catch((error: unknown) => {
      if (!(error instanceof ComputeError) || isTemporary(error)) throw error;
      return undefined; // A server of an earlier version, or none of ours.
    });
    const why = await this.doubt(answer, nonce);
    if (why === undefined) this.key ??= answer?.serverKey;
    else if (this.key === undefined) this.options.onUnproven?.(why);
    else throw new OtherServerError(url, why, this.options.todo);
    this.isProven = true;
    this.answeredAtMs = performance.now();
  }

  /** What speaks against the answer; undefined: it is proven. */
  private async doubt(
    answer: EndpointOutput<"server.identity"> | undefined,
    nonce: string,
  ): Promise<string | undefined> {
    // What answers may be anything.
    if (typeof answer?.serverKey !== "string" || !Array.isArray(answer.urls)) {
      return "it does not prove which server it is";
    }
    const { serverKey, signature, urls } = answer;
    if (this.key !== undefined && serverKey !== this.key) {
      return `it has the key ${serverKey}, and the key known here is ${this.key}`;
    }
    if (signature === undefined)
      return `that server is at ${urls.join(" and ")}, and not at ${this.options.url}`;
    const isRight = await isSignedBy(serverKey, signature, proofText(nonce, this.options.url));
    return isRight ? undefined : "it does not have the key that it shows";
  }
}

async function isSignedBy(
  serverKey: string,
  signature: string,
  text: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  try {
    const raw = Buffer.from(serverKey, "base64url");
    const key = await crypto.subtle.importKey("raw", raw, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, Buffer.from(signature, "base64url"), text);
  } catch {
    return false; // No key, or no signature, at all.
  }
}
