import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { Job } from "../../../sdk/index.ts";
import { changed } from "../../api/live.ts";
import { compute } from "../../api/session.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { toast } from "../../ui/toast.tsx";

/** Asks for a name, and makes a template that runs the job again. */
export function SaveTemplate({ job, onClose }: { job: Job; onClose(): void }) {
  const { route } = useLocation();
  const [name, setName] = useState(nameFrom(job.name ?? ""));
  const [description, setDescription] = useState("");
  const save = async () => {
    const { templateId } = await compute.templates.saveJob(job.jobId, name, { description });
    changed("templates");
    toast("Saved as a template.");
    onClose();
    route(`/templates/${templateId}`);
  };
  return (
    <Dialog title="Save as a template" onClose={onClose}>
      <div class="stack">
        <p>A template runs this job again, also from schedules. You can give it parameters afterwards.</p>
        <Field label="Name" hint="Small and large letters, digits and . _ -">
          {(tied) => (
            <input {...tied} value={name} onInput={(event) => setName(event.currentTarget.value)} autoFocus />
          )}
        </Field>
        <Field label="Description">
          {(tied) => (
            <input
              {...tied}
              value={description}
              onInput={(event) => setDescription(event.currentTarget.value)}
            />
          )}
        </Field>
      </div>
      <div class="actions">
        <Button onClick={onClose}>Leave it</Button>
        <Button look="main" disabled={name === ""} onClick={save}>
          Save
        </Button>
      </div>
    </Dialog>
  );
}

/** A name that the server takes, close to the job's own. */
function nameFrom(name: string): string {
  return name
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[^A-Za-z0-9]+|-+$/g, "")
    .slice(0, 60);
}
