import { z } from "zod";
import { CLI_CLIENT_ID } from "../../shared/auth.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import type { OAuthClient } from "./contract.ts";

const PORTAL_CLIENT_ID = "tanvrit-compute-portal";
const CLI_PATH = "/callback";
const PORTAL_PATH = "/portal/callback";
const LOOPBACK_ADDRESSES = ["127.0.0.1", "[::1]"];
const MAX_NAME_LENGTH = 100;

/** `https`, `http` on this machine, or a scheme that an app owns, which has a dot (RFC 8252 §7). */
const redirectUri = z.string().refine(isUsableRedirect, {
  error:
    "must be an https:// URL, an http:// URL at 127.0.0.1, [::1] or localhost, or a URL of an app's own scheme such as com.example.app:/callback, without a fragment",
});

/** `oauthClients` in the server's config file: other programs that may sign people in. */
export const oauthClientsSetting = z
  .array(
    z.strictObject({
      id: z.string().regex(/^[A-Za-z0-9][\w.:-]{0,99}$/, {
        error: "must be 1 to 100 letters, digits and . _ : -, beginning with a letter or digit",
      }),
      name: z.string().min(1).max(MAX_NAME_LENGTH),
      redirectUris: z.array(redirectUri).min(1).max(20),
    }),
  )
  .max(1_000)
  .superRefine((clients, context) => {
    const seen = new Set<string>([CLI_CLIENT_ID, PORTAL_CLIENT_ID]);
    for (const [index, { id }] of clients.entries()) {
      if (seen.has(id))
        context.addIssue({ code: "custom", path: [index, "id"], message: "another client has this id" });
      seen.add(id);
    }
  });
export type OAuthClientSetting = z.output<typeof oauthClientsSetting>[number];

/** The programs that may sign people in. `origin` is the one of the request. */
export class Clients {
  private readonly others: ReadonlyMap<string, OAuthClientSetting>;

  constructor(
    private readonly urls: Pick<OwnUrls, "publicUrl">,
    others: readonly OAuthClientSetting[] = [],
  ) {
    this.others = new Map(others.map((client) => [client.id, client]));
  }

  find(clientId: string, origin: string): OAuthClient | undefined {
    if (clientId === CLI_CLIENT_ID)
      return { clientId, name: "The Tanvrit Compute command line", accepts: isCliRedirect };
    if (clientId === PORTAL_CLIENT_ID) return this.portal(origin);
    const client = this.others.get(clientId);
    if (!client) return undefined;
    const { name, redirectUris } = client;
    const accepts = (uri: string) => redirectUris.some((registered) => isSameRedirect(registered, uri));
    return { clientId, name, accepts };
  }

  /** The portal is part of this server, so its page is at the server's own origin. */
  private portal(origin: string): OAuthClient {
    const { publicUrl } = this.urls;
    const pages = [origin, ...(publicUrl === undefined ? [] : [publicUrl])].map((url) => url + PORTAL_PATH);
    return {
      clientId: PORTAL_CLIENT_ID,
      name: "The Tanvrit Compute portal",
      isOwn: true,
      accepts: (uri) => pages.includes(uri),
    };
  }
}

/** Its program listens at any free port of the machine's own address (RFC 8252 §7.3). */
function isCliRedirect(uri: string): boolean {
  return LOOPBACK_ADDRESSES.some((host) => isSameRedirect(`http://${host}${CLI_PATH}`, uri));
}

/** As registered, character by character; only the port of a loopback URL may differ. */
function isSameRedirect(registered: string, uri: string): boolean {
  if (registered === uri) return true;
  return (
    isLoopbackRedirect(registered) && isLoopbackRedirect(uri) && withoutPort(registered) === withoutPort(uri)
  );
}

function isLoopbackRedirect(uri: string): boolean {
  return /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)(:\d{1,5})?(\/[^#\\]*)?$/.test(uri) && URL.canParse(uri);
}

function withoutPort(uri: string): string {
  return uri.replace(/^(http:\/\/(?:\[::1\]|[^:/]+)):\d+/, "$1");
}

function isUsableRedirect(uri: string): boolean {
  if (!URL.canParse(uri) || uri.includes("#")) return false;
  const { protocol } = new URL(uri);
  if (protocol === "https:") return true;
  return protocol === "http:" ? isLoopbackRedirect(uri) : protocol.includes(".");
}
