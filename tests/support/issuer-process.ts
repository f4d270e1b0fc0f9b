import { Events, OAuth2Server } from "oauth2-mock-server";
import type { IssuerAnswer, IssuerRequest } from "./issuer.ts";

/** Another issuer in a process of its own; `Issuer` starts it and talks to it. */
const server = new OAuth2Server();
let claims: Record<string, unknown> = {};
let isInUserInfo = false;

await server.issuer.keys.generate("RS256", { kid: "first" });
await server.start(0, "127.0.0.1");
const url = `http://127.0.0.1:${server.address().port}`;
server.issuer.url = url;
server.service.on(Events.BeforeTokenSigning, ({ payload }) => {
  if (!isInUserInfo) Object.assign(payload, claims);
  if (typeof claims.sub === "string") payload.sub = claims.sub;
});
server.service.on(Events.BeforeUserinfo, (answer) => {
  answer.body = { ...claims };
});

process.on("message", async ({ id, ...request }: IssuerRequest) => {
  const answer: IssuerAnswer = { id };
  if ("claims" in request) {
    claims = request.claims;
    isInUserInfo = request.isInUserInfo === true;
  }
  if ("newKey" in request) await server.issuer.keys.generate("RS256", { kid: request.newKey });
  if ("token" in request) {
    const { kid, ...given } = request.token;
    answer.token = await server.issuer.buildToken({
      ...(kid !== undefined && { kid: String(kid) }),
      scopesOrTransform: (_header, payload) => {
        for (const [name, value] of Object.entries(given)) {
          if (value === null) delete payload[name];
          else payload[name] = value as never;
        }
      },
    });
  }
  process.send?.(answer);
});
process.send?.({ id: "ready", url } satisfies IssuerAnswer);
