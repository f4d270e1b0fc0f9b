import { getActionSchema as actionSchema } from "@actions/workflow-parser/actions/action-schema";
import type { Definition } from "@actions/workflow-parser/templates/schema/definition";
import type { TemplateSchema } from "@actions/workflow-parser/templates/schema/index";
import { MappingDefinition } from "@actions/workflow-parser/templates/schema/mapping-definition";
import { OneOfDefinition } from "@actions/workflow-parser/templates/schema/one-of-definition";
import { PropertyDefinition } from "@actions/workflow-parser/templates/schema/property-definition";
import { StringDefinition } from "@actions/workflow-parser/templates/schema/string-definition";
import { StringToken } from "@actions/workflow-parser/templates/tokens/string-token";
import { getWorkflowSchema as workflowSchema } from "@actions/workflow-parser/workflows/workflow-schema";

/** GitHub's schemas, with what its own runner does otherwise. */

let workflows: TemplateSchema | undefined;
let actions: TemplateSchema | undefined;

export const WORKFLOW_ROOT = "workflow-root-strict";
export const ACTION_ROOT = "action-root";

export function getWorkflowSchema(): TemplateSchema {
  if (workflows) return workflows;
  workflows = withOwnKeysOnly(workflowSchema());
  const { definitions } = workflows;
  // The published schema has the name of another event here.
  expect(definitions["repository-dispatch-string"], StringDefinition).constant = "repository_dispatch";
  const { properties } = expect(definitions["run-step"], MappingDefinition);
  // Workflows have expressions here, such as ${{ matrix.shell }}; the published schema knows none.
  const shell = new StringDefinition("step-shell");
  shell.requireNonEmpty = true;
  shell.readerContext.push(...(definitions["string-steps-context"]?.readerContext ?? []));
  definitions["step-shell"] = shell;
  Object.assign(properties.shell ?? {}, { type: shell.key });
  allowMoreEvents(definitions);
  addCacheMode(definitions);
  return workflows;
}

/** Events without activities whose filters GitHub reads and does not use. */
const PLAIN_EVENTS = "create delete deployment deployment-status fork gollum page-build public status".split(
  " ",
);

function allowMoreEvents(definitions: TemplateSchema["definitions"]): void {
  const filters = expect(definitions["push-mapping"], MappingDefinition).properties;
  const unused = new MappingDefinition("unused-filters");
  Object.assign(unused.properties, filters);
  definitions[unused.key] = unused;
  for (const event of PLAIN_EVENTS) definitions[event] = oneOf(event, "null", unused.key);
  const dispatch = expect(definitions["workflow-dispatch-mapping"], MappingDefinition).properties;
  Object.assign(dispatch, { ...filters, ...dispatch });
  // An input, and the list of them, may be left empty.
  for (const key of ["workflow-dispatch-input", "workflow-dispatch-inputs"]) {
    definitions[`${key}-mapping`] = expect(definitions[key], MappingDefinition);
    definitions[key] = oneOf(key, "null", `${key}-mapping`);
  }
  const dispatched = expect(definitions["repository-dispatch-mapping"], MappingDefinition).properties;
  Object.assign(dispatched, { types: filters.branches });
  const types = oneOf("dispatch-types", "non-empty-string", "sequence-of-non-empty-string");
  definitions[types.key] = types;
  const ofDispatch = expect(definitions["repository-dispatch-mapping"], MappingDefinition).properties;
  Object.assign(ofDispatch.types ?? {}, { type: types.key });
  const destroyed = new StringDefinition("merge-group-destroyed");
  destroyed.constant = "destroyed";
  definitions[destroyed.key] = destroyed;
  expect(definitions["merge-group-activity-type"], OneOfDefinition).oneOf.push(destroyed.key);
}

/** GitHub has the key since the schema was published. */
function addCacheMode(definitions: TemplateSchema["definitions"]): void {
  const words = ["read", "write", "write-only", "none"].map((word) => {
    const definition = new StringDefinition(`cache-mode-${word}`);
    definition.constant = word;
    definitions[definition.key] = definition;
    return definition.key;
  });
  definitions["cache-mode"] = oneOf("cache-mode", ...words);
  const name = new StringToken(undefined, undefined, "cache-mode", undefined);
  for (const key of [WORKFLOW_ROOT, "job-factory", "workflow-job"])
    expect(definitions[key], MappingDefinition).properties["cache-mode"] = new PropertyDefinition(name);
}

function oneOf(key: string, ...types: string[]): OneOfDefinition {
  const definition = new OneOfDefinition(key);
  definition.oneOf.push(...types);
  return definition;
}

/** The runner takes any key at the top, any `node` version, and any text for `required`. */
export function getActionSchema(): TemplateSchema {
  if (actions) return actions;
  actions = withOwnKeysOnly(actionSchema());
  const { definitions } = actions;
  definitions.runs = expect(definitions["runs-strict"], OneOfDefinition);
  definitions.using = expect(definitions["non-empty-string"], StringDefinition);
  return actions;
}

/** A key named like a property of Object, such as `constructor`, is an unknown key. */
function withOwnKeysOnly(schema: TemplateSchema): TemplateSchema {
  for (const definition of Object.values(schema.definitions)) {
    if (definition instanceof MappingDefinition) Object.setPrototypeOf(definition.properties, null);
  }
  return schema;
}

function expect<T extends Definition>(definition: Definition | undefined, kind: new (key: string) => T): T {
  if (definition instanceof kind) return definition;
  throw new Error(`The schema of the parser has changed: ${definition?.key} is no ${kind.name}`);
}
