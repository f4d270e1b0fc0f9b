export const artifactPositional = {
  name: "ID",
  help: "an artifact's id, the start of its id, or the name of an upload",
};
