import { useId, useState } from "preact/hooks";
import { TextField } from "../../editing/fields.tsx";
import { type Form, valueAt } from "../../editing/form.ts";
import { RowsField } from "../../editing/rows.tsx";

const PATH = ["command"];

/** The command: a text that a shell reads, or the words of an argument vector that nothing changes. */
export function CommandField({ form, isOptional }: { form: Form; isOptional: boolean }) {
  const id = useId();
  const value = valueAt(form.fields, PATH);
  const [chosen, setChosen] = useState<boolean>();
  const isList = Array.isArray(value) || (value === undefined && chosen === true);
  const choose = (list: boolean) => {
    setChosen(list);
    if (value !== undefined && list !== isList)
      form.set(PATH, list ? wordsOf(String(value)) : lineOf(value as unknown[]));
  };
  return (
    <div class="field command">
      <fieldset class="row wrap switch">
        <legend class="spoken">How the command is given</legend>
        <label class="choice">
          <input type="radio" name={id} checked={!isList} onChange={() => choose(false)} />
          Shell script
        </label>
        <label class="choice">
          <input type="radio" name={id} checked={isList} onChange={() => choose(true)} />
          List of arguments
        </label>
      </fieldset>
      {isList ? (
        <RowsField
          form={form}
          path={PATH}
          label="Command"
          add="Add an argument"
          columns={[{ name: "Argument", placeholder: "program or argument" }]}
          hint="The program and its arguments, each as it is: no shell reads them."
          read={(list) => (Array.isArray(list) ? list.map((word) => [String(word)]) : [])}
          mean={(rows) => (rows.length === 0 ? undefined : rows.map(([word = ""]) => word))}
        />
      ) : (
        <TextField
          form={form}
          path={PATH}
          label={isOptional ? "Command (optional)" : "Command"}
          lines={4}
          placeholder={"make test"}
          hint={isOptional ? "Run by sh -c. Without one, the image's own command runs." : "Run by sh -c."}
        />
      )}
    </div>
  );
}

/** A script stays a script: its shell becomes the program. */
function wordsOf(line: string): string[] {
  return /^[\w./:=@%+,-]+( [\w./:=@%+,-]+)*$/.test(line) ? line.split(" ") : ["sh", "-c", line];
}

function lineOf(words: readonly unknown[]): string {
  const texts = words.map(String);
  const [shell, option, script] = texts;
  if (texts.length === 3 && shell === "sh" && option === "-c" && script !== undefined) return script;
  return texts
    .map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}
