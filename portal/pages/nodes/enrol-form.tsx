import { useState } from "preact/hooks";
import type { EndpointOutput } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { Trouble } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { Field } from "../../ui/field.tsx";

type Made = EndpointOutput<"enrolments.create">;

const HOUR_SECONDS = 3_600;
const LIFETIMES: readonly { seconds: number; text: string }[] = [
  { seconds: HOUR_SECONDS, text: "1 hour" },
  { seconds: 24 * HOUR_SECONDS, text: "1 day" },
  { seconds: 7 * 24 * HOUR_SECONDS, text: "7 days" },
  { seconds: 30 * 24 * HOUR_SECONDS, text: "30 days" },
];
const MAX_MACHINES = 1_000;

/** What the token grants: how many machines, for how long, and the pool and labels that they get. */
export function EnrolForm({ onMade }: { onMade(made: Made): void }) {
  const [uses, setUses] = useState("1");
  const [ttlSeconds, setTtlSeconds] = useState(HOUR_SECONDS);
  const [pool, setPool] = useState("");
  const [labels, setLabels] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const read = readLabels(labels);
  const count = Number(uses);
  const usesProblem =
    Number.isInteger(count) && count >= 1 && count <= MAX_MACHINES
      ? undefined
      : `A number from 1 to ${MAX_MACHINES.toLocaleString("en")}.`;
  const isReady = usesProblem === undefined && "labels" in read;
  const make = async () => {
    if (!isReady || isBusy) return;
    setFailure(undefined);
    setIsBusy(true);
    const input = { uses: count, ttlSeconds, pool: pool.trim() || undefined, labels: read.labels };
    // Not repeated by itself: each call makes another token.
    await compute.enrolments.create(input, { awayMs: 0 }).then(onMade, setFailure);
    setIsBusy(false);
  };
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <div class="columns narrow">
        <Field label="Machines" problem={usesProblem}>
          {(tied) => (
            <input
              {...tied}
              inputMode="numeric"
              value={uses}
              onInput={(event) => setUses(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label="Token is valid for">
          {(tied) => (
            <select
              {...tied}
              value={String(ttlSeconds)}
              onChange={(event) => setTtlSeconds(Number(event.currentTarget.value))}
            >
              {LIFETIMES.map(({ seconds, text }) => (
                <option key={seconds} value={seconds}>
                  {text}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      <Field label="Pool (optional)" hint="Only jobs for this pool run there.">
        {(tied) => (
          <input
            {...tied}
            value={pool}
            placeholder="default"
            autocomplete="off"
            onInput={(event) => setPool(event.currentTarget.value)}
          />
        )}
      </Field>
      <Field
        label="Labels (optional)"
        hint="Separated by commas or spaces. Jobs choose nodes by them."
        problem={"problem" in read ? read.problem : undefined}
      >
        {(tied) => (
          <input
            {...tied}
            value={labels}
            placeholder="rack=4, disk=ssd"
            autocomplete="off"
            onInput={(event) => setLabels(event.currentTarget.value)}
          />
        )}
      </Field>
      {failure !== undefined && <Trouble error={failure} />}
      <div>
        <Button look="main" type="submit" disabled={!isReady || isBusy}>
          Make the command
        </Button>
      </div>
    </form>
  );
}

/** `rack=4, disk=ssd` as labels, or what is wrong with it. */
function readLabels(text: string): { labels: Record<string, string> } | { problem: string } {
  const pairs = text.split(/[\s,]+/).filter(Boolean);
  const wrong = pairs.find((pair) => !/^[^=]+=/.test(pair));
  if (wrong !== undefined) return { problem: `A label is KEY=VALUE, and “${wrong}” has no value.` };
  return {
    labels: Object.fromEntries(
      pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
    ),
  };
}
