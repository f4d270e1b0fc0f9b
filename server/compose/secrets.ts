import { DataKeys } from "../secret/data-keys.ts";
import { secretExpiryTask } from "../secret/expiry-task.ts";
import { secretHandlers } from "../secret/handlers.ts";
import { SecretService } from "../secret/secret-service.ts";
import type { PlaneBase } from "./base.ts";

/** Secrets of businesses, encrypted with the server's key file. */
export async function composeSecrets({ stores, log, bin, now, runnerOf }: PlaneBase) {
  const { secrets, sessions, seal } = stores;
  const keys = new DataKeys(secrets, seal);
  // A key file that takes over from another must be enough from now on.
  const { unopened } = await keys.rewrapAll();
  if (unopened > 0) {
    log.warn(
      `the key file does not open the secrets of some businesses (${unopened}); their jobs with secrets fail until ` +
        "the key file that sealed them is back",
    );
  }
  const service = new SecretService({ secrets, keys, sessions, now });
  return { service, handlers: secretHandlers(service, bin), runner: runnerOf(secretExpiryTask(secrets)) };
}
