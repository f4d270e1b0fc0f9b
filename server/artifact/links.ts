import { createHmac, timingSafeEqual } from "node:crypto";
import { ComputeError } from "../../shared/errors.ts";

/** What a signed URL gives access to. All of it is signed. */
export interface Link {
  method: "PUT" | "GET";
  jobId: string;
  /** The artifact. */
  id: string;
  businessId: string;
  /** The file in the artifact; its name if the artifact is to be a single file. */
  path: string | undefined;
  /** Of the file, in bytes. */
  size: number;
  /** The digest that the file must have, if it is known. */
  sha256: string | undefined;
  /** Who made the link. */
  userId: string | undefined;
  /** Epoch seconds. */
  expires: number;
}

/** So that a signature can never mean anything else. */
const PURPOSE = "tanvrit-compute artifact link 1";

/** Signs links, and checks them. */
export class Links {
  constructor(private readonly key: Uint8Array) {}

  sign(link: Link): string {
    return this.hmac(link).toString("base64url");
  }

  /** Throws `forbidden` if the signature is not that of this link, and `link_expired` after its time. */
  check(link: Link, signature: string, nowMs: number): void {
    const [given, right] = [Buffer.from(signature, "base64url"), this.hmac(link)];
    if (given.length !== right.length || !timingSafeEqual(given, right)) {
      throw new ComputeError(
        "forbidden",
        "The signature does not fit this URL. A link only works unchanged, with its own method, path and size. In a shell, put it in quotes.",
      );
    }
    if (nowMs < link.expires * 1_000) return;
    throw new ComputeError(
      "link_expired",
      `The link was valid until ${new Date(link.expires * 1_000).toISOString()}. Ask for another one.`,
    );
  }

  private hmac({ method, jobId, id, businessId, path, size, sha256, userId, expires }: Link): Buffer {
    const signed = [PURPOSE, method, jobId, id, businessId, path, size, sha256, userId, expires];
    return createHmac("sha256", this.key)
      .update(JSON.stringify(signed.map((one) => one ?? null)))
      .digest();
  }
}
