import type { Value } from "../expressions/scope.ts";

/** The machine that jobs run on. */
export interface NodeFacts {
  /** Its labels: os, arch and what its owner gave it. */
  labels: Readonly<Record<string, string>>;
  /** What a label of `runs-on` asks of them, by the owner of the node. */
  mapping: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Labels that GitHub's runners have, and what they ask of a node. A node of one's own is as good as any of its system. */
const known: readonly [RegExp, Readonly<Record<string, string>>][] = [
  [/^self-hosted$/, {}],
  [/^(linux|(.*[-_/])?ubuntu([-_].*)?)$/, { os: "linux" }],
  [/^macos([-_].*)?$/, { os: "darwin" }],
  [/^windows([-_].*)?$/, { os: "windows" }],
  [/^x64$/, { arch: "amd64" }],
  [/^x86$/, { arch: "386" }],
  [/^arm64$/, { arch: "arm64" }],
  [/^arm$/, { arch: "arm" }],
];

/** The operating system that a label of `runs-on` asks for by itself. */
export function systemAsked(label: string): string | undefined {
  return known.find(([pattern]) => pattern.test(label.toLowerCase()))?.[1]?.os;
}

/** The labels that `runs-on` asks for: a text, a list, or a mapping with `group` and `labels`. */
export function wantedLabels(runsOn: Value | undefined): string[] {
  if (runsOn === undefined || runsOn === null) return [];
  if (Array.isArray(runsOn)) return runsOn.flatMap(wantedLabels);
  if (typeof runsOn === "object") return wantedLabels(runsOn.labels);
  const label = String(runsOn).trim();
  return label === "" ? [] : [label];
}

/** The group that `runs-on` names, if it does. */
function groupOf(runsOn: Value | undefined): string | undefined {
  if (typeof runsOn !== "object" || runsOn === null || Array.isArray(runsOn)) return undefined;
  const { group } = runsOn;
  return typeof group === "string" && group !== "" ? group : undefined;
}

/** Why this node cannot run a job with this `runs-on`, and what to do; undefined: it can. */
export function whyNotHere(runsOn: Value | undefined, node: NodeFacts): string | undefined {
  const labels = wantedLabels(runsOn);
  const group = groupOf(runsOn);
  if (labels.length === 0 && group === undefined) {
    return "The job's runs-on is empty: name a label, such as ubuntu-latest.";
  }
  const missing = labels.filter((label) => !fits(label, node));
  if (group !== undefined && !fitsGroup(group, node)) missing.push(group);
  const [first] = missing;
  if (first === undefined) return undefined;
  const has = Object.entries(node.labels)
    .filter(([name]) => !["hostname", "cpuCount", "memoryMb"].includes(name))
    .map(([name, value]) => `${name}=${value}`)
    .sort();
  return `No node for runs-on ${missing.join(", ")}: this node has ${has.join(", ")}. Run the job where the label fits, or say in agent.yaml what it means on this node: workflows: { runsOn: { ${first}: { os: ${node.labels.os ?? "linux"} } } }.`;
}

function fits(label: string, { labels, mapping }: NodeFacts): boolean {
  const lower = label.toLowerCase();
  const own = Object.entries(mapping).find(([name]) => name.toLowerCase() === lower)?.[1];
  const asks = own ?? known.find(([pattern]) => pattern.test(lower))?.[1];
  if (asks) return Object.entries(asks).every(([name, value]) => labels[name] === value);
  const [, name, value] = /^([^=:]+)[=:](.*)$/.exec(label) ?? [];
  if (name !== undefined && labels[name] === value) return true;
  return Object.entries(labels).some(
    ([key, of]) => of.toLowerCase() === lower || (key.toLowerCase() === lower && of !== "false"),
  );
}

/** A group is a matter of an organisation: it counts only if the owner of the node says what it means. */
function fitsGroup(group: string, node: NodeFacts): boolean {
  const isKnown = "group" in node.labels || Object.keys(node.mapping).includes(group);
  return !isKnown || fits(group, node);
}
