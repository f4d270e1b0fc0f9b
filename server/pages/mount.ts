import type { RecordAudit } from "../../shared/audit.ts";
import type { Logger } from "../../shared/logger.ts";
import type { PersonStore } from "../auth/person-store.ts";
import type { SessionLife } from "../auth/tokens.ts";
import type { Mount } from "../http/app.ts";
import { Bodies } from "../http/bodies.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import { type Authorizations, type Devices, oauthPaths } from "../oauth/contract.ts";
import type { Invitations, SignInMethods, SignInSettings } from "../people/contract.ts";
import type { Throttle } from "../throttle/throttle.ts";
import { mountAccount } from "./account-page.ts";
import { mountAssets } from "./assets.ts";
import { mountAuthorize } from "./authorize-page.ts";
import { mountDevice } from "./device-page.ts";
import { type ExternalPageSignIn, mountExternalSignIn } from "./external-page.ts";
import { mountInvitation } from "./invitation-page.ts";
import { PageKit } from "./kit.ts";
import { mountLinks } from "./link-pages.ts";
import type { Programs } from "./programs.ts";
import { mountSignIn } from "./sign-in-page.ts";
import type { VisitStore } from "./visit-store.ts";
import { Visits } from "./visits.ts";

export interface PagesParts {
  visits: VisitStore;
  people: PersonStore;
  methods: SignInMethods;
  settings: SignInSettings;
  /** Another issuer signs people in; absent: this server does. */
  external?: ExternalPageSignIn | undefined;
  invitations: Invitations;
  programs: Programs;
  authorizations: Authorizations;
  devices: Devices;
  throttle: Throttle;
  /** Signs the tokens of forms; all servers of a store share it. */
  formKey: Uint8Array;
  /** How long a browser stays signed in. */
  life: SessionLife;
  urls: Pick<OwnUrls, "originOf" | "isOwnOrigin">;
  /** Writes into the audit log. */
  record: RecordAudit;
  log: Logger;
  /** Epoch milliseconds. */
  now: () => number;
}

const PAGES = /^\/(sign-in|sign-out|account|device|setup|open|invitation|assets)(\/|$)/;

/** Whether a page is at this path, to which a link on another site may lead. */
export function isPage(path: string): boolean {
  return path === oauthPaths.authorize || PAGES.test(path);
}

/** The pages for people. They need neither the portal nor, except for passkeys, a script. */
export function pagesMount(parts: PagesParts): Mount {
  return (app) => {
    const kit = new PageKit(app, { ...parts, visits: new Visits(parts), bodies: new Bodies() });
    mountAssets(app);
    if (parts.external) mountExternalSignIn(kit, parts.external);
    mountSignIn({ ...parts, kit });
    mountAuthorize({ ...parts, kit });
    mountDevice({ ...parts, kit });
    mountAccount({ ...parts, kit });
    mountInvitation({ ...parts, kit });
    mountLinks({ ...parts, kit });
  };
}
