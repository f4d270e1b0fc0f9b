import { randomBytes } from "node:crypto";
import { KeySecrets, type KeySecretsParts, SECRET_PATTERN } from "./key-secrets.ts";

const PATTERN = new RegExp(`^tnvn_([0-9a-z]{26})_(${SECRET_PATTERN})$`);

/** Issues and verifies node keys: `tnvn_<digits of the node id>_<secret>`. */
export class NodeKeys {
  private readonly secrets: KeySecrets;

  constructor(
    now: () => number,
    /** bcrypt; tests replace it to count the calls. */
    bcryptVerify?: KeySecretsParts["bcryptVerify"],
    /** The same for all servers of a store. It tells keys that these servers issued from guessed keys. */
    ownMark: Uint8Array = randomBytes(32),
  ) {
    this.secrets = new KeySecrets({ now, ownMark, owner: "node", hasOlder: true, bcryptVerify });
  }

  /** @param seed see `KeySecrets.issue`. */
  async issue(nodeId: string, seed?: string): Promise<{ key: string; hash: string }> {
    const { secret, hash } = await this.secrets.issue(nodeId, seed);
    return { key: `tnvn_${nodeId.slice("node_".length)}_${secret}`, hash };
  }

  /** The node that a key claims to belong to, and its secret; undefined if the text is not a node key. */
  static parse(key: string): { nodeId: string; secret: string } | undefined {
    const match = PATTERN.exec(key);
    return match?.[1] && match[2] ? { nodeId: `node_${match[1]}`, secret: match[2] } : undefined;
  }

  /** Whether the secret belongs to the stored hash; see `KeySecrets.verify`. */
  verify(nodeId: string, secret: string, storedHash: string): Promise<boolean> {
    return this.secrets.verify(nodeId, secret, storedHash);
  }
}
