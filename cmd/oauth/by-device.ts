import * as oauth from "oauth4webapi";
import { isTemporary } from "../../sdk/errors.ts";
import { backoffMs } from "../../shared/wait.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import {
  type AuthorizationServer,
  CLI_CLIENT,
  type GrantedTokens,
  refusalOf,
} from "./authorization-server.ts";

/** If the server names no interval (RFC 8628 §3.2), and by how much `slow_down` makes it longer (§3.5). */
const INTERVAL_MS = 5_000;
const SLOWER_MS = 5_000;
/** While the server is away: RFC 8628 §3.5 asks for pauses that grow. */
const AWAY = { firstMs: 2_000, maxMs: 30_000 };

/**
 * Signs in with a code that the person types, or follows as a link, in a browser on any machine (RFC 8628). Waits until
 * they have decided, or the code has expired. Throws CliError `not_signed_in` if there is no sign-in.
 */
export async function signInByDevice(server: AuthorizationServer, output: Output): Promise<GrantedTokens> {
  const { facts, requests } = server;
  const device = await server
    .exchange(async () =>
      oauth.processDeviceAuthorizationResponse(
        facts,
        CLI_CLIENT,
        await oauth.deviceAuthorizationRequest(facts, CLI_CLIENT, oauth.None(), {}, requests),
      ),
    )
    .catch(refused);
  const untilMs = Date.now() + device.expires_in * 1_000;
  await showCode(output, device);
  return waitForDecision(server, device, untilMs);
}

async function showCode(output: Output, device: oauth.DeviceAuthorizationResponse): Promise<void> {
  const { user_code: code, verification_uri: page, verification_uri_complete: link, expires_in } = device;
  const minutes = Math.max(1, Math.floor(expires_in / 60));
  const how = link === undefined ? `and enter the code ${code}` : `and check that it shows the code ${code}`;
  await output.note(
    `To sign in, open this page in a browser on any machine ${how}:\n\n    ${link ?? page}\n\n` +
      `Waiting for you to allow it there, for up to ${minutes} min. Ctrl-C ends the wait.`,
  );
}

async function waitForDecision(
  server: AuthorizationServer,
  device: oauth.DeviceAuthorizationResponse,
  untilMs: number,
): Promise<GrantedTokens> {
  let intervalMs = device.interval === undefined ? INTERVAL_MS : device.interval * 1_000;
  let failures = 0;
  for (;;) {
    const waitMs = failures === 0 ? intervalMs : Math.max(intervalMs, backoffMs(AWAY, failures));
    if (Date.now() + waitMs > untilMs) throw expired();
    await Bun.sleep(waitMs);
    try {
      const answer = await poll(server, device.device_code);
      if (answer !== "pending" && answer !== "slow-down") return server.tokensOf(answer);
      failures = 0;
      if (answer === "slow-down") intervalMs += SLOWER_MS;
    } catch (error) {
      if (!isTemporary(error)) throw error;
      failures++;
    }
  }
}

async function poll(server: AuthorizationServer, deviceCode: string) {
  const { facts, requests } = server;
  try {
    return await server.exchange(async () =>
      oauth.processDeviceCodeResponse(
        facts,
        CLI_CLIENT,
        await oauth.deviceCodeGrantRequest(facts, CLI_CLIENT, oauth.None(), deviceCode, requests),
      ),
    );
  } catch (error) {
    if (!(error instanceof oauth.ResponseBodyError)) throw error;
    if (error.error === "authorization_pending") return "pending";
    // A server that is busy says so with an error of its own.
    if (error.error === "slow_down" || error.error === "temporarily_unavailable") return "slow-down";
    if (error.error === "expired_token") throw expired();
    return refused(error);
  }
}

function expired(): CliError {
  return new CliError("not_signed_in", "the code has expired before anyone allowed the sign-in", {
    todo: "Run the command again for a new code",
  });
}

function refused(error: unknown): never {
  if (!(error instanceof oauth.ResponseBodyError)) throw error;
  if (error.error === "access_denied") {
    throw new CliError("not_signed_in", "the sign-in was denied in the browser");
  }
  throw new CliError("not_signed_in", `the server refused the sign-in: ${refusalOf(error)}`, {
    todo: "Run the command again",
  });
}
