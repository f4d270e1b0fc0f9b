import type { EndSession, SessionLife, Tokens } from "../auth/tokens.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import type { ExternalSignIn } from "../oidc/external-sign-in.ts";
import { noOwnMethods, noOwnSettings } from "../oidc/only-external.ts";
import { visitExpiryTask } from "../pages/expiry-task.ts";
import { OneTimeLinks } from "../pages/links.ts";
import { isPage, pagesMount } from "../pages/mount.ts";
import { endingPortalsToo } from "../pages/portal-sessions.ts";
import { Programs } from "../pages/programs.ts";
import { sessionHandlers } from "../pages/session-handlers.ts";
import type { PlaneBase } from "./base.ts";
import type { composeMembers } from "./members.ts";
import type { composeOAuth } from "./oauth.ts";
import type { composePeople } from "./people.ts";

export interface PageParts {
  urls: OwnUrls;
  /** How long a browser stays signed in. */
  life: SessionLife;
  people: Pick<Awaited<ReturnType<typeof composePeople>>, "methods" | "settings" | "throttle">;
  members: Pick<ReturnType<typeof composeMembers>, "invitations">;
  oauth: Pick<ReturnType<typeof composeOAuth>, "authorizations" | "devices" | "clientName">;
  tokens: Tokens;
  endSession: EndSession;
  /** Another issuer signs people in; undefined: this server does. */
  external: ExternalSignIn | undefined;
}

/** The pages for people, and the links that lead to them. */
export async function composePages(base: PlaneBase, parts: PageParts) {
  const { stores, record, log, now, runnerOf } = base;
  const { urls, life, members, oauth, tokens, endSession } = parts;
  const { throttle } = parts.people;
  const { external } = parts;
  const methods = external ? noOwnMethods(external.issuer) : parts.people.methods;
  const settings = external ? noOwnSettings(parts.people.settings, external.issuer) : parts.people.settings;
  const { people, sessions } = stores;
  const visits = endingPortalsToo({ visits: stores.visits, people, endSession, now });
  const { authorizations, devices, clientName: nameOf } = oauth;
  const links = new OneTimeLinks({ visits, now });
  const endOf = tokens.endOf.bind(tokens);
  const programs = new Programs({ people, sessions, endSession, nameOf, endOf, now });
  const mount = pagesMount({
    ...{ visits, people, programs, methods, settings, throttle, authorizations, devices },
    ...{ urls, life, record, log, now },
    external,
    invitations: members.invitations,
    formKey: await sessions.secret("page-forms"),
  });
  return {
    mount,
    handlers: sessionHandlers({ visits, programs, now }),
    isPage,
    /** The URL of the page that makes the first owner; undefined if somebody can sign in from elsewhere already. */
    setupUrl: async () => {
      if (await settings.anyoneCanSignIn()) return undefined;
      return urls.forOthers + (await links.setup());
    },
    runner: runnerOf(visitExpiryTask(visits)),
  };
}
