import { z } from "zod";
import { tokenSet } from "../../shared/auth.ts";

/** A session's tokens, and the server they are for: they are sent to no other. */
export const storedSession = tokenSet.extend({ url: z.string() });
export type StoredSession = z.infer<typeof storedSession>;

/**
 * Where the tokens of workspaces are kept. Several processes use it at once: `write` replaces a workspace's entry as a
 * whole and the last one stays; `read` gives a whole entry or undefined where there is none (or none that this version
 * understands); `remove` of what is not there is no error. All throw CredentialStoreError where the store cannot be used.
 */
export interface CredentialStore {
  readonly kind: "keychain" | "file";
  /** For people: where the tokens are. */
  readonly place: string;
  read(workspace: string): Promise<StoredSession | undefined>;
  write(workspace: string, session: StoredSession): Promise<void>;
  remove(workspace: string): Promise<void>;
}

export class CredentialStoreError extends Error {
  override name = "CredentialStoreError";
  readonly todo: string;

  constructor(message: string, options: { cause: unknown; todo: string }) {
    super(message, { cause: options.cause });
    this.todo = options.todo;
  }
}

/** A stored text as a session; undefined for what an older or newer version left behind. */
export function parseStored(text: string): StoredSession | undefined {
  try {
    return storedSession.safeParse(JSON.parse(text)).data;
  } catch {
    // Not JSON is not an entry of ours; signing in again replaces it.
    return undefined;
  }
}
