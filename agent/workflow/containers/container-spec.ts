import { isMapping } from "@actions/workflow-parser";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { evaluateText, evaluateTexts, evaluateToken } from "../expressions/evaluate.ts";
import type { Scope } from "../expressions/scope.ts";

/** A container as a workflow asks for it, with everything in it evaluated. */
export interface ContainerSpec {
  image: string;
  credentials?: { username: string; password: string } | undefined;
  env: Readonly<Record<string, string>>;
  /** `8080:80`, `80`, `80/udp`. */
  ports: readonly string[];
  /** `name:/path`, `/path:/path:ro`, `/path`. */
  volumes: readonly string[];
  /** Options of `docker create`. */
  options: string;
  /** Only of services. */
  entrypoint?: string | undefined;
  command?: string | undefined;
}

/** undefined if the job asks for none, or for an image whose name is empty. */
export function containerSpec(token: TemplateToken | undefined, scope: Scope): ContainerSpec | undefined {
  if (token === undefined) return undefined;
  if (!isMapping(token)) {
    const value = evaluateToken(token, scope);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return specOfValue(value);
    return specOf({ image: evaluateText(token, scope) });
  }
  const field = (name: string) => [...token].find(({ key }) => String(key) === name)?.value;
  const credentials = field("credentials");
  const { username = "", password = "" } = credentials ? evaluateTexts(credentials, scope) : {};
  return specOf({
    image: evaluateText(field("image"), scope),
    credentials: username === "" && password === "" ? undefined : { username, password },
    env: evaluateTexts(field("env"), scope),
    ports: textsOf(evaluateToken(field("ports"), scope)),
    volumes: textsOf(evaluateToken(field("volumes"), scope)),
    options: evaluateText(field("options"), scope),
    entrypoint: field("entrypoint") && evaluateText(field("entrypoint"), scope),
    command: field("command") && evaluateText(field("command"), scope),
  });
}

/** The services of a job by their names; those whose image is empty are left out, as on GitHub. */
export function serviceSpecs(token: TemplateToken | undefined, scope: Scope): Map<string, ContainerSpec> {
  const specs = new Map<string, ContainerSpec>();
  if (token === undefined || !isMapping(token)) return specs;
  for (const { key, value } of token) {
    const spec = containerSpec(value, scope);
    if (spec) specs.set(String(key), spec);
  }
  return specs;
}

/** `docker://alpine:3.8` is `alpine:3.8`. */
export function imageOf(text: string): string {
  return text.trim().replace(/^docker:\/\//, "");
}

function specOfValue(value: Record<string, unknown>): ContainerSpec | undefined {
  const text = (name: string) =>
    value[name] === undefined || value[name] === null ? "" : String(value[name]);
  const env = value.env && typeof value.env === "object" ? Object.entries(value.env) : [];
  return specOf({
    image: text("image"),
    env: Object.fromEntries(env.map(([name, of]) => [name, String(of)])),
    ports: textsOf(value.ports),
    volumes: textsOf(value.volumes),
    options: text("options"),
  });
}

function specOf(given: Partial<ContainerSpec> & { image: string }): ContainerSpec | undefined {
  const image = imageOf(given.image);
  return image === "" ? undefined : { env: {}, ports: [], volumes: [], options: "", ...given, image };
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
