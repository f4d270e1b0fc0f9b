import { digestOf, newSecret } from "../auth/bearer-secret.ts";
import type { LinkPurpose, VisitStore } from "./visit-store.ts";

/** How long a link to open one's own browser is valid. */
const OPEN_MS = 60_000;
/** How long the link for the first owner is valid. A server that is started again prints another one. */
const SETUP_MS = 24 * 3_600_000;

/** Makes links that are valid once. */
export class OneTimeLinks {
  constructor(private readonly parts: { visits: VisitStore; now: () => number }) {}

  /** The path of a page that signs a browser in as this person. Valid for a minute. */
  open(userId: string): Promise<string> {
    return this.make("open", userId, OPEN_MS);
  }

  /** The path of the page that makes the first owner. Valid for a day. */
  setup(): Promise<string> {
    return this.make("setup", undefined, SETUP_MS);
  }

  private async make(purpose: LinkPurpose, userId: string | undefined, lifeMs: number): Promise<string> {
    const { visits, now } = this.parts;
    const token = newSecret();
    await visits.makeLink({ tokenHash: digestOf(token), purpose, userId, expiresAtMs: now() + lifeMs });
    return `/${purpose}/${token}`;
  }
}
