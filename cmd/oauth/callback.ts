import { inTime } from "../../shared/wait.ts";

const PATH = "/callback";
/** How long the browser may take to get its last answer. */
const CLOSE_MS = 2_000;

export interface Callback {
  parameters: URLSearchParams;
  /** Shows the browser how the sign-in ended. */
  reply(title: string, text: string): Promise<void>;
}

export interface CallbackListener extends AsyncDisposable {
  /** The redirect URI. */
  readonly url: string;
  /** Resolves with the first answer that has our `state`. Others are refused, and the wait goes on. */
  readonly arrived: Promise<Callback>;
}

/** Listens on a free port of 127.0.0.1 for a browser to come back from the sign-in (RFC 8252 §7.3). */
export function listenForCallback(state: string): CallbackListener {
  const arrived = Promise.withResolvers<Callback>();
  let isTaken = false;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      if (request.method !== "GET" || pathname !== PATH) return page(404, "Nothing is here", "");
      if (searchParams.get("state") !== state || isTaken) {
        return page(400, "This is not the sign-in that the terminal waits for", "Run the command again.");
      }
      isTaken = true;
      const answer = Promise.withResolvers<Response>();
      arrived.resolve({
        parameters: searchParams,
        reply: async (title, text) => answer.resolve(page(200, title, text)),
      });
      return answer.promise;
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}${PATH}`,
    arrived: arrived.promise,
    async [Symbol.asyncDispose]() {
      await inTime(CLOSE_MS, server.stop());
      await server.stop(true);
    },
  };
}

function page(status: number, title: string, text: string): Response {
  const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64");
  const style =
    "body{font:1.125rem/1.5 system-ui,sans-serif;color-scheme:light dark;max-width:32rem;margin:20vh auto;padding:0 1.5rem}h1{font-size:1.5rem}";
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title} - Tanvrit Compute</title><style nonce="${nonce}">${style}</style><main><h1>${title}</h1><p>${text}</p></main></html>\n`;
  return new Response(html, {
    status,
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": `default-src 'none'; style-src 'nonce-${nonce}'; frame-ancestors 'none'; base-uri 'none'`,
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      connection: "close",
    },
  });
}
