import type { ts } from "ts-morph";
import type { TypePrinter } from "./type-printer.ts";

interface PrintedTable {
  text: string;
  /** The modules that it names types of, and which. */
  uses: [module: string, name: string][];
}

const WIRE = "shared/endpoints/wire/index.ts";
const tables: Record<string, { rows: string; of: "input" | "output" | "events"; id: string }> = {
  EndpointInput: { rows: "EndpointInputs", of: "input", id: "EndpointId" },
  EndpointOutput: { rows: "EndpointOutputs", of: "output", id: "EndpointId" },
  EndpointEvents: { rows: "EndpointStreams", of: "events", id: "StreamId" },
};

/** A type that takes the id of an endpoint, as a table of what it is for each; undefined if the name is of another type. */
export function printTable(
  name: string,
  checker: ts.TypeChecker,
  exported: readonly ts.Symbol[],
  printer: TypePrinter,
): PrintedTable | undefined {
  const table = tables[name];
  if (!table) return undefined;
  const { rows, of, id } = table;
  const endpoints = exported.find((symbol) => symbol.name === "endpoints");
  if (!endpoints) throw new Error("there is no table of endpoints");
  const lines: string[] = [];
  for (const row of checker.getPropertiesOfType(checker.getTypeOfSymbol(endpoints))) {
    const schema = fieldOf(checker, checker.getTypeOfSymbol(row), of);
    if (!schema) continue;
    const text =
      of === "events"
        ? printEvents(checker, schema, printer)
        : printer.print(carried(checker, schema, of), "  ");
    lines.push(`  ${JSON.stringify(row.name)}: ${text};`);
  }
  return {
    text: `interface ${rows} {\n${lines.join("\n")}\n}\n\nexport type ${name}<Id extends ${id}> = ${rows}[Id];\n`,
    uses: [[WIRE, id]],
  };
}

function printEvents(checker: ts.TypeChecker, events: ts.Type, printer: TypePrinter): string {
  const lines = checker.getPropertiesOfType(events).map((event) => {
    const schema = checker.getTypeOfSymbol(event);
    return `    ${JSON.stringify(event.name)}: ${printer.print(carried(checker, schema, "output"), "    ")};`;
  });
  return `{\n${lines.join("\n")}\n  }`;
}

/** What a schema takes or gives. */
function carried(checker: ts.TypeChecker, schema: ts.Type, side: "input" | "output"): ts.Type {
  const inner = fieldOf(checker, schema, "_zod");
  const type = inner && fieldOf(checker, inner, side);
  if (!type) throw new Error(`no schema: ${checker.typeToString(schema)}`);
  return type;
}

function fieldOf(checker: ts.TypeChecker, type: ts.Type, name: string): ts.Type | undefined {
  const property = checker.getPropertyOfType(type, name);
  return property && checker.getTypeOfSymbol(property);
}
