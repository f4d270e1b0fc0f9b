import { z } from "zod";
import { tokenSet } from "../../shared/auth.ts";
import { once } from "../../shared/once.ts";
import { timestamp } from "../../shared/timestamp.ts";

/** A session's tokens, or a token or an API key that was given at the sign-in, and the URL of their server: they are sent to no other. */
export const storedSession = once(() =>
  tokenSet().partial({ accessTokenExpiresAt: true, refreshToken: true }).extend({
    url: z.string(),
    /** How and when the person signed in, for `auth status`. */
    way: z.string().optional(),
    signedInAt: timestamp.optional(),
  }),
);
export type StoredSession = z.infer<ReturnType<typeof storedSession>>;

/**
 * Where workspaces' tokens are kept. Several processes use it at the same time. `write` replaces a workspace's whole
 * entry, and the last write wins. `read` returns a whole entry, or undefined if there is none, or none that this version
 * understands. `remove` of a missing entry is not an error. All throw CredentialStoreError if the store cannot be used.
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

/** Parses a stored text; undefined if an older or newer version wrote it in another form. */
export function parseStored(text: string): StoredSession | undefined {
  try {
    return storedSession().safeParse(JSON.parse(text)).data;
  } catch {
    // Not JSON, so not our entry; signing in again replaces it.
    return undefined;
  }
}
