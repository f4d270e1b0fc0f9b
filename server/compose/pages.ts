import type { SessionLife } from "../auth/tokens.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import type { Authorizations, Devices } from "../oauth/contract.ts";
import { visitExpiryTask } from "../pages/expiry-task.ts";
import { OneTimeLinks } from "../pages/links.ts";
import { isPage, pagesMount } from "../pages/mount.ts";
import type { Invitations, SignInMethods, SignInSettings } from "../people/contract.ts";
import type { Throttle } from "../throttle/throttle.ts";
import type { PlaneBase } from "./base.ts";

export interface PageParts {
  urls: OwnUrls;
  life: SessionLife;
  methods: SignInMethods;
  settings: SignInSettings;
  invitations: Invitations;
  authorizations: Authorizations;
  devices: Devices;
  throttle: Throttle;
}

/** The pages for people, and the links that lead to them. */
export async function composePages({ stores, record, log, now, runnerOf }: PlaneBase, parts: PageParts) {
  const { visits, people, sessions } = stores;
  const links = new OneTimeLinks({ visits, now });
  const formKey = await sessions.secret("page-forms");
  return {
    mount: pagesMount({ ...parts, visits, people, formKey, record, log, now }),
    isPage,
    /** The URL of the page that makes the first owner; undefined if somebody can sign in from elsewhere already. */
    setupUrl: async () => {
      if (await parts.settings.anyoneCanSignIn()) return undefined;
      return parts.urls.forOthers + (await links.setup());
    },
    runner: runnerOf(visitExpiryTask(visits)),
  };
}
