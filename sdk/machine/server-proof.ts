import type { EndpointOutput } from "../../shared/endpoints/index.ts";
import { ComputeError } from "../../shared/errors.ts";
import { proofText } from "../../shared/proof-text.ts";
import type { ServerPin } from "../../shared/server-pin.ts";
import { isTemporary, OtherServerError } from "../errors.ts";
import type { AskIdentity, EndRequest, Proof } from "../proof.ts";
import { type KnownPin, PinnedFetch } from "./pinned-fetch.ts";
import type { TlsTrust } from "./tls-fetch.ts";

const NONCE_BYTES = 32;
/** This long after the last answer, with no request under way, another program may have replaced the server. */
const STILL_THERE_MS = 5_000;

export interface ServerProofOptions {
  /** The URL the client uses. */
  url: string;
  /** The server's public key, learnt at the sign-in; undefined: the first key that is proven is learnt. */
  key: string | undefined;
  /** For an https URL: the certificate whose key the server must have; absent: authorities vouch for the server. */
  pin?: KnownPin | undefined;
  /** Asked when the server's certificate has another key: the pin that is known by then. */
  latestPin?: () => Promise<ServerPin | undefined>;
  /** What a person can do if another server answers: a sentence without its full stop. */
  todo: string;
  /** Called once if no key is known yet and the server proves none for this URL; the server is then trusted without proof. */
  onUnproven?: (why: string) => void;
}

/**
 * Proves that a URL still leads to the server we know, before any token or key is sent there. A proof holds while a
 * request to the server is under way and for 5 s after its answer; a broken connection or a longer pause ends it.
 * TLS proves the server by itself, so https URLs need no such proof: either an authority vouches for its certificate, or
 * the certificate has the key that is known here.
 */
export class ServerProof implements Proof {
  /** The public key this URL must prove; undefined: no key is known. */
  key: string | undefined;
  private readonly isNeeded: boolean;
  private readonly pinned: PinnedFetch | undefined;
  private pending: Promise<void> | undefined;
  private isProven = false;
  private underWay = 0;
  private answeredAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ServerProofOptions) {
    this.key = options.key;
    this.isNeeded = options.url.startsWith("http:");
    const { url, pin, todo, latestPin } = options;
    this.pinned = this.isNeeded || !pin ? undefined : new PinnedFetch(url, pin, todo, latestPin);
  }

  /** Whether the server is recognized by the key of its certificate, and by nothing else. */
  get isPinned(): boolean {
    return this.pinned !== undefined;
  }

  /** Looks at the certificate if its key must be known. Throws OtherServerError if it has another key. */
  async meet(): Promise<void> {
    await this.pinned?.meet();
  }

  /** The certificate of the server that was seen last, if its key must be known. */
  get pin(): ServerPin | undefined {
    return this.pinned?.pin;
  }

  fetch(url: string, init: () => RequestInit): Promise<Response> {
    return this.pinned ? this.pinned.fetch(url, init) : fetch(url, init());
  }

  /** Makes a connection of another kind. `connect` gets the certificates to trust; undefined: those of authorities. */
  connect<T>(connect: (trust: TlsTrust | undefined) => Promise<T>): Promise<T> {
    return this.pinned ? this.pinned.trusting(connect) : connect(undefined);
  }

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
      return undefined; // An older server, or not a server of ours.
    });
    const why = await this.doubt(answer, nonce);
    if (why === undefined) this.key ??= answer?.serverKey;
    else if (this.key === undefined) this.options.onUnproven?.(why);
    else throw new OtherServerError(url, why, this.options.todo);
    this.isProven = true;
    this.answeredAtMs = performance.now();
  }

  /** Why the answer proves nothing; undefined: it is proven. */
  private async doubt(
    answer: EndpointOutput<"server.identity"> | undefined,
    nonce: string,
  ): Promise<string | undefined> {
    // Any program may be answering here.
    if (typeof answer?.serverKey !== "string" || !Array.isArray(answer.urls)) {
      return "it does not prove which server it is";
    }
    const { serverKey, signature, urls } = answer;
    if (this.key !== undefined && serverKey !== this.key) {
      return `its key is ${serverKey}, but the key known here is ${this.key}`;
    }
    if (signature === undefined) return `that server is at ${urls.join(" and ")}, not at ${this.options.url}`;
    const isRight = await isSignedBy(serverKey, signature, proofText(nonce, this.options.url));
    return isRight ? undefined : "it does not hold the key it shows";
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
    return false; // Not a key, or not a signature.
  }
}
