import { Hono } from "hono";
import type { PersonRecord } from "../../server/auth/person-store.ts";
import { DEFAULT_SESSION_LIFE } from "../../server/auth/tokens.ts";
import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import type { Stores } from "../../server/compose/stores.ts";
import type { App } from "../../server/http/app.ts";
import type { AuthorizationRequest, WaitingDevice } from "../../server/oauth/contract.ts";
import { RedirectedError } from "../../server/oauth/contract.ts";
import { pagesMount } from "../../server/pages/mount.ts";
import { Programs } from "../../server/pages/programs.ts";
import { Throttle } from "../../server/throttle/throttle.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";

export const ORIGIN = "https://compute.example.org";
export const PASSWORD = "correct horse";
export const REDIRECT = "http://127.0.0.1:4711/callback";
export const now = Date.now;

/** The pages on a real store. What proves who a person is, and OAuth, are played. */
export class PagesWorld {
  readonly stores: Stores = openSqliteStores(":memory:");
  readonly app: App = new Hono();
  readonly granted: unknown[] = [];
  origin = ORIGIN;
  device: WaitingDevice | undefined = {
    userCode: "BCDF-GHJK",
    clientName: "tanvrit-compute",
    from: "192.0.2.7",
    agent: "<script>alert(1)</script>",
    createdAtMs: now(),
    expiresAtMs: now() + 60_000,
  };
  anna!: PersonRecord;

  static async open(): Promise<PagesWorld> {
    const world = new PagesWorld();
    world.anna = await world.person("anna");
    pagesMount(world.parts())(world.app);
    return world;
  }

  async person(userName: string): Promise<PersonRecord> {
    const userId = newId("usr");
    const email = `${userName}@example.org`;
    await this.stores.people.create({ userId, userName, email, passwordHash: PASSWORD, nowMs: now() });
    const { businessId } = await this.stores.people.business("shop", now());
    await this.stores.people.join(businessId, userId, "owner", now());
    const person = await this.stores.people.find(userId);
    if (!person) throw new Error("missing");
    return person;
  }

  private programs(): Programs {
    const { people, sessions } = this.stores;
    const endSession = (sessionId: string) => sessions.revoke(sessionId, now());
    const endOf = () => Number.POSITIVE_INFINITY;
    return new Programs({ people, sessions, endSession, nameOf: () => undefined, endOf, now });
  }

  parts(): Parameters<typeof pagesMount>[0] {
    const refuse = () => new ComputeError("unauthenticated", "Wrong email or password.");
    const { people, visits } = this.stores;
    const byPassword = async (email: string, password: string) => {
      const person = await people.findByEmail(email);
      if (person?.passwordHash !== password) throw refuse();
      return person;
    };
    return {
      visits,
      people,
      methods: {
        hasMail: true,
        byPassword,
        requestCode: async () => undefined,
        byCode: (email, code) => byPassword(email, code === "123456" ? PASSWORD : ""),
        passkeyChallenge: async () => ({ challengeId: "c1", options: {} }),
        byPasskey: async () => this.anna,
      },
      settings: {
        signUp: async ({ userName, email, password = "" }) => {
          if (password.length < 8) throw new ComputeError("invalid_request", "The password is too short.");
          const facts = { userId: newId("usr"), userName, email: email.toLowerCase() };
          const outcome = await people.create({ ...facts, passwordHash: password, nowMs: now() });
          if (outcome !== "created") throw new ComputeError("conflict", `Taken: ${outcome}.`);
          return { ...facts, passwordHash: password, createdAtMs: now() };
        },
        anyoneCanSignIn: () => people.anyoneHasPassword(),
        account: async () => ({ person: this.anna, passkeys: [] }),
        setEmail: async (userId, _current, email) => void (await people.setEmail(userId, email)),
        setPassword: async (userId, current, next) => {
          const person = await people.find(userId);
          if (person?.passwordHash !== current) throw refuse();
          await people.setPassword(userId, next, now());
        },
        passkeyOptions: async () => ({ challengeId: "c1", options: {} }),
        addPasskey: async () => undefined,
        passkeys: async () => [],
        removePasskey: async () => true,
      },
      invitations: {
        find: async (token) =>
          token === "good"
            ? { businessName: "lab", role: "viewer", email: undefined, invitedBy: "anna" }
            : undefined,
        accept: async (_token, userId) => this.granted.push(userId) > 0,
      },
      authorizations: this.authorizations(),
      devices: {
        find: async (code) => (code.toUpperCase() === this.device?.userCode ? this.device : undefined),
        allow: async (_code, by) => this.granted.push(by) > 0,
        deny: async () => true,
      },
      throttle: new Throttle(this.stores.throttle, now),
      programs: this.programs(),
      formKey: new Uint8Array(32).fill(7),
      life: DEFAULT_SESSION_LIFE,
      urls: { originOf: () => this.origin, isOwnOrigin: (origin) => origin === this.origin },
      record: async () => undefined,
      log: { info: () => undefined, warn: () => undefined, error: console.error },
      now,
    };
  }

  private authorizations(): Parameters<typeof pagesMount>[0]["authorizations"] {
    return {
      read: (query) => {
        const clientId = query.get("client_id") ?? "";
        if (!["known", "own"].includes(clientId))
          throw new ComputeError("invalid_request", "Unknown client.");
        if (query.get("code_challenge") === null) throw new RedirectedError(new URL(`${REDIRECT}?error=x`));
        return {
          client: {
            clientId,
            name: "Known",
            accepts: () => true,
            ...(clientId === "own" && { isOwn: true as const }),
          },
          redirectUri: REDIRECT,
          codeChallenge: "",
          scope: [],
          state: undefined,
          nonce: undefined,
          prompt: query.get("prompt")?.split(" ") ?? [],
        } satisfies AuthorizationRequest;
      },
      allow: async (_request, by) => {
        this.granted.push(by);
        return new URL(`${REDIRECT}?code=1`);
      },
      deny: (_request, _origin, error = "access_denied") => new URL(`${REDIRECT}?error=${error}`),
    };
  }
}

/** A browser: keeps the cookie, and sends the hidden fields of a form. */
export class PagesBrowser {
  cookie = "";
  setCookie = "";

  constructor(private readonly world: PagesWorld) {}

  async get(path: string, headers = {}): Promise<Response> {
    const request = { headers: { cookie: this.cookie, ...headers } };
    return this.keep(await this.world.app.request(`${ORIGIN}${path}`, request));
  }

  async post(path: string, fields: Record<string, string>, headers = {}): Promise<Response> {
    const body = new URLSearchParams(fields);
    const request = { method: "POST", body, headers: { cookie: this.cookie, origin: ORIGIN, ...headers } };
    return this.keep(await this.world.app.request(`${ORIGIN}${path}`, request));
  }

  /** Fills in the form on a page. */
  async submit(page: string, path: string, fields: Record<string, string>): Promise<Response> {
    const form = formOf(await (await this.get(page)).text());
    return this.post(path, { form, ...fields });
  }

  async signIn(next = "/account"): Promise<Response> {
    const fields = { email: "anna@example.org", password: PASSWORD, way: "password", next };
    return this.submit("/sign-in", "/sign-in", fields);
  }

  private keep(response: Response): Response {
    for (const set of response.headers.getSetCookie()) {
      this.setCookie = set;
      this.cookie = set.split(";", 1)[0] ?? "";
    }
    return response;
  }
}

export function formOf(page: string): string {
  return /name="form" value="([^"]+)"/.exec(page)?.[1] ?? "";
}

/** A server with nobody on it. */
export function emptyPagesWorld(): PagesWorld & AsyncDisposable {
  const fresh = new PagesWorld();
  pagesMount(fresh.parts())(fresh.app);
  return Object.assign(fresh, { [Symbol.asyncDispose]: () => fresh.stores.close() });
}
