import type { Seal } from "../auth/seal.ts";
import { isTrash } from "../trash/trash-store.ts";
import { DataKeys, type OpenKey, openValue } from "./data-keys.ts";
import type { SealedSecret, SecretStore } from "./secret-store.ts";

/** Values of up to 64 KiB are read this many at a time. */
const SECRETS_PER_READ = 50;

/** A secret that cannot be given to a job. */
export interface ClosedSecret {
  businessId: string;
  name: string;
  why: string;
}

/** Opens every secret and forgets it at once. Resolves with the number of secrets, and with the first that do not open. */
export async function checkSecrets(
  secrets: SecretStore,
  seal: Seal,
  limit: number,
): Promise<{ secrets: number; closed: ClosedSecret[] }> {
  const keys = new DataKeys(secrets, seal);
  const closed: ClosedSecret[] = [];
  let count = 0;
  let business: { businessId: string; key: OpenKey | string } | undefined;
  for await (const secret of everySecret(secrets)) {
    count += 1;
    const { businessId, name } = secret;
    // In the trash a secret is closed: it opens again in its business.
    if (isTrash(businessId)) continue;
    if (business?.businessId !== businessId) business = { businessId, key: await keyOf(keys, businessId) };
    const why = typeof business.key === "string" ? business.key : whyClosed(business.key, secret);
    if (why !== undefined && closed.length < limit) closed.push({ businessId, name, why });
  }
  return { secrets: count, closed };
}

async function* everySecret(secrets: SecretStore): AsyncGenerator<SealedSecret, void, void> {
  let last: SealedSecret | undefined;
  for (;;) {
    const page = await secrets.all(last, SECRETS_PER_READ);
    yield* page;
    last = page.at(-1);
    if (!last) return;
  }
}

/** The key, or why there is none. */
async function keyOf(keys: DataKeys, businessId: string): Promise<OpenKey | string> {
  try {
    return (await keys.forOpening(businessId)) ?? "the data key of its business is missing";
  } catch {
    return "the key file does not open the data key of its business";
  }
}

function whyClosed(key: OpenKey, secret: SealedSecret): string | undefined {
  try {
    openValue(key, secret).fill(0);
    return undefined;
  } catch {
    return "its value was changed in the store";
  }
}
