import type { Compute, CostEstimate } from "../../sdk/index.ts";
import { formatUsd } from "../../shared/money.ts";
import { safeLine } from "../../shared/terminal-text.ts";
import { patience } from "../connection/connect.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import type { JobDraft } from "../files/job-draft.ts";
import { InputSender, type SendOptions, wouldSend } from "../files/send-inputs.ts";
import { sizeText } from "../files/send-tree.ts";
import type { Output } from "../output/output.ts";
import { joinPainted, paint } from "../output/paint.ts";
import { fitLines } from "./fit-table.ts";
import { namingFile } from "./submit-manifest.ts";

/** Shows where such a job could run, and what it would cost. Resolves with 0 if any node could ever run it, else with 1. */
export async function dryRun(
  compute: Compute,
  draft: JobDraft,
  options: SendOptions & { file?: string },
  output: Output,
): Promise<number> {
  const { json, file } = options;
  const manifest = await new InputSender(compute, options, output).withoutLocal(draft);
  const inputs = await wouldSend(draft.inputs, options);
  const answer = await compute.jobs.dryRun(manifest, patience(output)).catch((error: unknown) => {
    throw namingFile(error, file);
  });
  if (json) await output.json(inputs.length > 0 ? { ...answer, inputs } : answer);
  else {
    const look = output.noteLook;
    const line = (text: string) => paint(safeLine(text), undefined, look);
    const lines = [
      line(answer.summary),
      ...fitLines(answer, look),
      ...costLines(answer.cost).map(line),
      ...inputs.map((one) =>
        line(`It would send ${sizeText(one)} of ${one.path}, less what the server has.`),
      ),
      line("Nothing was submitted."),
    ];
    await output.paintedNote(joinPainted(lines, "\n"));
  }
  return answer.schedulable ? exitCodes.ok : exitCodes.failed;
}

function costLines(cost: CostEstimate | undefined): string[] {
  if (!cost) return [];
  const { sku, hourMicroUsd, reserveMicroUsd, availableMicroUsd } = cost;
  return [
    `It would cost ${formatUsd(hourMicroUsd)} an hour (${sku}); ${formatUsd(reserveMicroUsd)} is set aside when it ` +
      `starts, and ${formatUsd(availableMicroUsd)} is available.`,
  ];
}
