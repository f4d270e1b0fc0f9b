import type { FitReport } from "../../shared/fit.ts";
import { safeLine } from "../../shared/terminal-text.ts";
import type { Look } from "../output/look.ts";
import { type Painted, paint } from "../output/paint.ts";
import { formatTable } from "../output/table.ts";

/** Which nodes fit a job, for people: a table, and what would have to change. */
export function fitLines({ nodes, moreNodes, hint }: FitReport, look: Look): Painted[] {
  const line = (text: string) => paint(safeLine(text), undefined, look);
  const rows = nodes.map((node) => [node.nodeId, node.name, node.verdict, node.rule ?? "", node.detail]);
  return [
    ...(rows.length > 0 ? [formatTable(["NODE", "NAME", "VERDICT", "RULE", "WHY"], rows, look)] : []),
    ...(moreNodes ? [line(`There are more nodes; only the ${nodes.length} newest were checked.`)] : []),
    ...(hint === undefined ? [] : [line(hint)]),
  ];
}
