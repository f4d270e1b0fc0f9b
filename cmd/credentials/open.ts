import type { Env } from "../../shared/config/home.ts";
import type { CredentialStore } from "./store.ts";

/** The store of one kind; only that one's code is loaded. */
export async function openCredentialStore(kind: "keychain" | "file", env: Env): Promise<CredentialStore> {
  if (kind === "keychain") return new (await import("./keychain.ts")).KeychainStore(env);
  return new (await import("./file.ts")).FileStore(env);
}
