import { DataKeys } from "../secret/data-keys.ts";
import { secretHandlers } from "../secret/handlers.ts";
import { SecretService } from "../secret/secret-service.ts";
import type { PlaneBase } from "./base.ts";

/** Secrets of businesses, encrypted with the server's key file. */
export function composeSecrets({ stores, now }: PlaneBase) {
  const { secrets, sessions, seal } = stores;
  const keys = new DataKeys(secrets, seal);
  const service = new SecretService({ secrets, keys, sessions, now });
  return { keys, service, handlers: secretHandlers(service) };
}
