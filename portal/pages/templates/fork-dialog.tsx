import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { Template } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { toast } from "../../ui/toast.tsx";

/** Copies a template to one of the business's own. */
export function ForkDialog(props: { template: Template; version: number | undefined; onClose(): void }) {
  const { template, version, onClose } = props;
  const { route } = useLocation();
  const [name, setName] = useState(template.builtin ? template.name : `${template.name}-copy`.slice(0, 100));
  const send = async () => {
    const copy = await compute.templates.fork(template.templateId, {
      name: name.trim(),
      ...(version !== undefined && { version }),
    });
    onClose();
    toast(`${copy.name} is yours to change.`);
    route(`/templates/${copy.templateId}?tab=edit`);
  };
  return (
    <Dialog title="Fork the template" onClose={onClose}>
      <Form yes="Fork" onSend={send} onLeave={onClose}>
        <p>The copy is yours to change. It remembers the original, which stays as it is.</p>
        <Field label="Name" hint="Letters, digits and . _ -">
          {(tied) => (
            <input
              {...tied}
              value={name}
              required
              maxLength={100}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          )}
        </Field>
      </Form>
    </Dialog>
  );
}
