import type { Env } from "../../shared/config/home.ts";
import type { CredentialStore } from "./store.ts";

/** Opens the store of this kind, and loads only its code. */
export async function openCredentialStore(kind: "keychain" | "file", env: Env): Promise<CredentialStore> {
  if (kind === "keychain") {
    // Calls to a keychain that hangs occupy the threads on which Bun loads modules from source. Load the module that
    // prints the error first.
    await import("../output/format-failure.ts");
    return new (await import("./keychain.ts")).KeychainStore(env);
  }
  return new (await import("./file.ts")).FileStore(env);
}
