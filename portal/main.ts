import { signIn } from "./api/oauth.ts";

/**
 * The first script is small, so that the sign-in is under way while the rest of the portal arrives. The page of each path
 * names the other scripts that it needs, and the browser loads them meanwhile.
 */
const access = signIn();
// The rest of the portal says what failed.
access.catch(() => undefined);
void import("./start.tsx").then(({ start }) => start(access));
