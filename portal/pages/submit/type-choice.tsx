import { useId, useRef } from "preact/hooks";
import type { Fields } from "../../editing/document.ts";
import { type Form, problemAt } from "../../editing/form.ts";
import { Icon, type IconName } from "../../ui/icon.tsx";

const TYPES = [
  { of: "COMMAND", icon: "terminal", name: "Shell", text: "A command on the node itself" },
  { of: "DOCKER", icon: "layers", name: "Docker", text: "A command in a container" },
  { of: "GITHUB_ACTION", icon: "gitFork", name: "GitHub workflow", text: "A workflow file of a repository" },
] as const satisfies readonly { of: string; icon: IconName; name: string; text: string }[];

export type JobType = (typeof TYPES)[number]["of"];

/** What a type has no use for; the check would refuse it. */
const FOREIGN: Readonly<Record<JobType, readonly string[]>> = {
  COMMAND: ["image", "docker", "workflow"],
  DOCKER: ["workflow"],
  GITHUB_ACTION: ["command", "image", "docker", "workdir", "stopSignal"],
};

export function typeOf(fields: Fields): JobType {
  return TYPES.find(({ of }) => of === fields.type)?.of ?? "COMMAND";
}

/** What another type has no use for goes, and comes back when its type is chosen again. */
export function TypeChoice({ form }: { form: Form }) {
  const id = useId();
  const kept = useRef<Fields>({});
  const current = typeOf(form.fields);
  const problem = problemAt(form, ["type"]);
  const choose = (type: JobType) => {
    for (const field of FOREIGN[type]) {
      if (form.fields[field] === undefined) continue;
      kept.current[field] = form.fields[field];
      form.set([field], undefined);
    }
    form.set(["type"], type === "COMMAND" ? undefined : type);
    for (const [field, value] of Object.entries(kept.current)) {
      if (FOREIGN[type].includes(field)) continue;
      if (form.fields[field] === undefined) form.set([field], value);
      delete kept.current[field];
    }
  };
  return (
    <fieldset class="field types">
      <legend class="spoken">Type of the job</legend>
      {TYPES.map(({ of, icon, name, text }) => (
        <label key={of} class="type">
          <input type="radio" name={id} checked={current === of} onChange={() => choose(of)} />
          <Icon name={icon} />
          <span>
            <strong>{name}</strong>
            <span class="quiet">{text}</span>
          </span>
        </label>
      ))}
      {problem !== undefined && <p class="problem">{problem}</p>}
    </fieldset>
  );
}
