import { useEffect, useState } from "preact/hooks";
import type { Job } from "../../../sdk/index.ts";
import { recall, remember } from "../../api/remember.ts";
import { asCommandLine, asCurl, asTypeScript } from "../../manifest/copy-as.ts";
import { manifestOf } from "../../manifest/manifest-of.ts";
import { Card, Code } from "../../ui/blocks.tsx";
import { Choice } from "../../ui/choice.tsx";

const NOTATIONS = [
  { value: "yaml", text: "YAML" },
  { value: "json", text: "JSON" },
] as const;
const WAYS = [
  { value: "cli", text: "Command line" },
  { value: "curl", text: "curl" },
  { value: "typescript", text: "TypeScript" },
] as const;
type Notation = (typeof NOTATIONS)[number]["value"];
type Way = (typeof WAYS)[number]["value"];

const HINTS = {
  cli: (
    <>
      It runs in any POSIX shell in which <code>tanvrit-compute auth login</code> has signed you in.
    </>
  ),
  curl: (
    <>
      It takes a token from <code>TANVRIT_TOKEN</code>, as <code>tanvrit-compute auth print-token</code>{" "}
      prints it.
    </>
  ),
  typescript: (
    <>
      It needs the package <code>@tanvrit/compute</code>, and a token in <code>TANVRIT_TOKEN</code>.
    </>
  ),
} satisfies Record<Way, unknown>;

/** What was submitted, and how to submit it again from elsewhere. */
export function ManifestPart({ job }: { job: Job }) {
  const [notation, setNotation] = useChoice<Notation>("job-notation", "yaml");
  const [way, setWay] = useChoice<Way>("job-copy-as", "cli");
  const manifest = manifestOf(job);
  const json = JSON.stringify(manifest, null, 2);
  const yaml = useYaml(manifest, json);
  const { origin } = location;
  const again = {
    cli: () => asCommandLine(manifest),
    curl: () => asCurl(manifest, origin),
    typescript: () => asTypeScript(manifest, origin),
  }[way];
  return (
    <div class="stack">
      <Card
        title="What was submitted"
        actions={<Choice label="Notation" options={NOTATIONS} value={notation} onChoose={setNotation} />}
      >
        <p class="quiet job-hint">Without the fields that have their default.</p>
        <Code text={notation === "json" ? json : (yaml ?? "…")} label="Copy the manifest" />
      </Card>
      <Card
        title="Submit it again"
        actions={<Choice label="Way" options={WAYS} value={way} onChoose={setWay} />}
      >
        <p class="quiet job-hint">{HINTS[way]}</p>
        <Code text={again()} label="Copy" />
      </Card>
    </div>
  );
}

/** A choice that this browser remembers. */
function useChoice<Value extends string>(name: string, first: Value) {
  const [value, setValue] = useState<Value>(recall<Value>(name) ?? first);
  const choose = (chosen: Value) => {
    setValue(chosen);
    remember(name, chosen);
  };
  return [value, choose] as const;
}

/** The manifest as YAML, once its library is there. */
function useYaml(manifest: object, json: string): string | undefined {
  const [text, setText] = useState<string>();
  useEffect(() => {
    let isOver = false;
    const write = async () => {
      const { stringify } = await import("yaml");
      if (!isOver) setText(stringify(manifest, { lineWidth: 0, blockQuote: "literal" }).trimEnd());
    };
    // Without the library, JSON is YAML too.
    write().catch(() => setText(json));
    return () => {
      isOver = true;
    };
  }, [json]);
  return text;
}
