import type { ComputeClient } from "../../sdk/client.ts";
import { type Ungranted, ungrantedInWords } from "../../shared/grants.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Node } from "../../shared/node.ts";
import { shellWord } from "../../shared/shell-word.ts";
import { textOf } from "../../shared/text-of.ts";

const ASK_MS = 10_000;

/**
 * A node's key may not widen what the node offers, but its owner may. When something that the node announced waits for
 * a grant, this asks for it with this machine's sign-in. If that fails, it says how the owner can grant it.
 */
export class GrantRequests {
  /** What waits for a grant, and what to do; undefined: nothing waits. */
  inWords: string | undefined;

  constructor(
    private readonly userClient: ComputeClient,
    private readonly log: Logger,
  ) {}

  /** Never throws. */
  async ask({ nodeId, waitsForGrant }: Node, signal: AbortSignal): Promise<void> {
    const before = this.inWords;
    this.inWords = undefined;
    if (!waitsForGrant) return;
    const what = ungrantedInWords(waitsForGrant);
    try {
      const input = { nodeId, ...waitsForGrant };
      const after = await this.userClient.call("nodes.grant", input, { signal, timeoutMs: ASK_MS });
      if (!after.waitsForGrant) return this.log.info(`Granted by your sign-in: ${what}.`);
      this.inWords = waitingInWords(after.waitsForGrant, nodeId);
    } catch (error) {
      this.inWords = `${waitingInWords(waitsForGrant, nodeId)} This machine's own sign-in cannot grant it (${textOf(error)})`;
    }
    if (this.inWords !== before) this.log.warn(this.inWords);
  }
}

function waitingInWords(waiting: Ungranted, nodeId: string): string {
  const { pool, labels = {}, slots } = waiting;
  const options = [
    ...(pool === undefined ? [] : [`--pool ${pool}`]),
    ...Object.entries(labels).map(([key, value]) => `--label ${shellWord(`${key}=${value}`)}`),
    ...(slots === undefined ? [] : [`--slots ${slots}`]),
  ];
  return `Waiting for a grant, and not in force until then: ${ungrantedInWords(waiting)}. Grant it with tanvrit-compute node grant ${nodeId} ${options.join(" ")}.`;
}
