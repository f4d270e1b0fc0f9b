import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { guess } from "./hints.ts";
import { fieldsOf, itemsOf, pairsOf, type TemplateFile, textOfToken } from "./template.ts";

interface Node {
  id: string;
  needs: { id: string; token: TemplateToken }[];
}

/** Reports jobs that wait for jobs which do not exist, or for themselves. Ids do not differ by upper and lower case. */
export function checkNeeds(jobs: TemplateToken | undefined, file: TemplateFile): void {
  const nodes = new Map(pairsOf(jobs).map(([id, job]) => [id.toLowerCase(), nodeOf(id, job)]));
  const ids = [...nodes.values()].map((node) => node.id);
  for (const node of nodes.values()) {
    for (const need of node.needs) {
      const target = nodes.get(need.id.toLowerCase());
      if (target === undefined) reportUnknown(node, need, ids, file);
      else if (reaches(target, node, nodes)) reportCycle(node, need, target, nodes, file);
    }
  }
}

export function needsOf(job: TemplateToken): { id: string; token: TemplateToken }[] {
  const needs = fieldsOf(job).get("needs");
  const tokens = needs === undefined ? [] : needs.isScalar ? [needs] : itemsOf(needs);
  return tokens.flatMap((token) => {
    const id = textOfToken(token);
    return id === undefined || id === "" ? [] : [{ id, token }];
  });
}

function nodeOf(id: string, job: TemplateToken): Node {
  return { id, needs: needsOf(job) };
}

function reportUnknown(node: Node, need: Node["needs"][number], ids: string[], file: TemplateFile): void {
  const others = ids.filter((id) => id !== node.id);
  file.report(
    `Job '${node.id}' depends on unknown job '${need.id}'`,
    need.token.range?.start,
    `${guess(need.id, others)}Other jobs: ${others.join(", ") || "none"}.`,
  );
}

function reportCycle(
  node: Node,
  need: Node["needs"][number],
  target: Node,
  nodes: ReadonlyMap<string, Node>,
  file: TemplateFile,
): void {
  const way = path(target, node, nodes).map(({ id }) => id);
  file.report(
    `Job '${node.id}' depends on job '${need.id}' which creates a cycle in the dependency graph`,
    need.token.range?.start,
    `Remove one of these needs: ${[node.id, ...way].join(" → ")}.`,
  );
}

function reaches(from: Node, to: Node, nodes: ReadonlyMap<string, Node>): boolean {
  return path(from, to, nodes).length > 0;
}

/** The jobs from one to another along their needs, both included; empty if there is no way. */
function path(from: Node, to: Node, nodes: ReadonlyMap<string, Node>): Node[] {
  const cameFrom = new Map<Node, Node | undefined>([[from, undefined]]);
  for (const node of cameFrom.keys()) {
    if (node === to) {
      const way: Node[] = [];
      for (let at: Node | undefined = node; at; at = cameFrom.get(at)) way.unshift(at);
      return way;
    }
    for (const need of node.needs) {
      const next = nodes.get(need.id.toLowerCase());
      if (next && !cameFrom.has(next)) cameFrom.set(next, node);
    }
  }
  return [];
}
