import { Trouble } from "../ui/blocks.tsx";
import { Icon } from "../ui/icon.tsx";
import type { Problem, Reading } from "./document.ts";
import { sentence } from "./form.ts";
import type { Check, Report } from "./use-check.ts";

interface CheckPanelProps {
  check: Check;
  reading: Reading;
  /** Puts the cursor of the editor at an offset. */
  onShow(from: number): void;
}

/** What is wrong with the job, or where it could run and what it costs. */
export function CheckPanel({ check, reading, onShow }: CheckPanelProps) {
  const problems: readonly Problem[] = reading.syntax.length > 0 ? reading.syntax : check.problems;
  if (check.error !== undefined) return <Trouble error={check.error} />;
  if (problems.length > 0) return <Problems problems={problems} reading={reading} onShow={onShow} />;
  if (check.report) return <Fit report={check.report} />;
  return (
    <p class="quiet">
      {reading.text.trim() === ""
        ? "Fill in the form, or write the job as YAML. It is checked while you type."
        : "The check is on its way…"}
    </p>
  );
}

const MOST_SHOWN = 20;

function Problems(props: { problems: readonly Problem[]; reading: Reading; onShow(from: number): void }) {
  const { problems, reading, onShow } = props;
  const count = problems.length === 1 ? "One thing has" : `${problems.length} things have`;
  return (
    <div class="problems">
      <h3>
        <Icon name="alert" /> {count} to change before the job can be submitted
      </h3>
      <ul>
        {problems.slice(0, MOST_SHOWN).map((problem) => {
          const { path, message } = problem;
          const place =
            "from" in problem
              ? (problem as Problem & { from: number; line: number })
              : reading.placeOf(path ?? "");
          return (
            <li key={`${path} ${message}`}>
              <button type="button" class="link" onClick={() => onShow(place.from)}>
                Line {place.line}
              </button>
              <span>
                {path !== undefined && <code>{path.slice(0, 100)}</code>} {sentence(message).slice(0, 1_000)}
              </span>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

const VERDICTS = {
  fits: { icon: "circleCheck", tone: "good", text: "Now" },
  busy: { icon: "clock", tone: "still", text: "Once it has room" },
  unavailable: { icon: "circlePause", tone: "warn", text: "Once it takes jobs" },
  never: { icon: "ban", tone: "bad", text: "Never" },
} as const;
const MOST_NODES = 12;

function Fit({ report }: { report: Report }) {
  const { nodes, moreNodes, hint, summary, cost, schedulable } = report;
  return (
    <div class="fit">
      <p class={schedulable ? "" : "warn-text"}>
        {!schedulable && <Icon name="alert" />} {summary}
        {hint !== undefined && ` ${hint}`}
        {nodes.length === 0 && (
          <>
            {" "}
            <a href="/nodes">Add a node</a>
          </>
        )}
      </p>
      {cost && (
        <p>
          It costs <strong>{usd(cost.hourMicroUsd)}</strong> an hour ({cost.sku}). {usd(cost.reserveMicroUsd)}{" "}
          is set aside when it starts; you have {usd(cost.availableMicroUsd)}.
        </p>
      )}
      {nodes.length > 0 && (
        <details>
          <summary>
            {nodes.length === 1 ? "The node" : `The ${nodes.length}${moreNodes ? " newest" : ""} nodes`}, and
            when it could run there
          </summary>
          <ul class="fits">
            {nodes.slice(0, MOST_NODES).map(({ nodeId, name, verdict, detail }) => {
              const { icon, tone, text } = VERDICTS[verdict];
              return (
                <li key={nodeId}>
                  <span class={`status ${tone}`}>
                    <Icon name={icon} />
                    {text}
                  </span>
                  <a class="cut" href={`/nodes/${nodeId}`}>
                    {name}
                  </a>
                  <span class="quiet">{detail}</span>
                </li>
              );
            })}
          </ul>
        </details>
      )}
    </div>
  );
}

function usd(microUsd: number): string {
  const dollars = microUsd / 1_000_000;
  return dollars.toLocaleString("en", {
    style: "currency",
    currency: "USD",
    maximumFractionDigits: dollars !== 0 && dollars < 1 ? 4 : 2,
  });
}
