import type { EndpointOutput } from "../../sdk/index.ts";

/** Where machines find the server: where this browser found it, unless that is an address of its own machine. */
export function serverUrl(saidByServer?: string): string {
  const { origin } = location;
  return isLoopback(origin) && saidByServer !== undefined ? saidByServer : origin;
}

export function isLoopback(url: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname);
}

/** The one command that makes a machine a node. */
export function enrolCommand(
  url: string,
  { token, fingerprint }: Pick<EndpointOutput<"enrolments.create">, "token" | "fingerprint">,
): string {
  const pin = fingerprint === undefined ? "" : ` --fingerprint ${fingerprint}`;
  return `tanvrit-compute agent run --enroll ${token} --url ${url}${pin}${insecure(url)}`;
}

/** Sign in once, and start the agent. */
export function loginCommands(url: string): string {
  const workspace = isLoopback(url) ? "local" : "home";
  return [
    `tanvrit-compute auth login --workspace ${workspace} --url ${url}${insecure(url)}`,
    `tanvrit-compute agent run --workspace ${workspace}${insecure(url)}`,
  ].join("\n");
}

/** The agent refuses plain HTTP to another machine unless it is allowed. */
function insecure(url: string): string {
  return url.startsWith("http:") && !isLoopback(url) ? " --insecure-http" : "";
}
